import { Field } from "../parts/Field";

interface Props {
  id: string;
  label: string;
  value: string;
  onChange: (value: string) => void;
  isFirst?: boolean;
  /** One that is to be made up, and not the one that is known. */
  isNew?: boolean;
}

export function PasswordField({ isNew = false, ...field }: Props) {
  return <Field {...field} type="password" autoComplete={isNew ? "new-password" : "current-password"} />;
}
