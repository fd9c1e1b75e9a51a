import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";

interface Props {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  isFirst?: boolean;
  /** One that is to be made up, and not the one that is known. */
  isNew?: boolean;
}

export function PasswordField({ id, label, value, onChange, isFirst = false, isNew = false }: Props) {
  return (
    <label htmlFor={id}>
      {label}
      <TextInput
        id={id}
        type="password"
        autoComplete={isNew ? "new-password" : "current-password"}
        autoFocus={isFirst}
        value={value}
        onChange={(_, text) => onChange(text)}
      />
    </label>
  );
}
