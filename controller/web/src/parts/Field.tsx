import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import type { ReactNode } from "react";

interface Props {
  id: string;
  label: ReactNode;
  value: string;
  onChange: (value: string) => void;
  isFirst?: boolean;
  type?: "text" | "password" | "number";
  /** Nothing is filled in by the browser, unless it says what. */
  autoComplete?: string;
  min?: number;
  max?: number;
}

/** A line to be typed, with what it is above it. */
export function Field({ id, label, value, onChange, isFirst = false, autoComplete = "off", ...more }: Props) {
  return (
    <label htmlFor={id}>
      {label}
      <TextInput
        {...more}
        id={id}
        autoComplete={autoComplete}
        autoFocus={isFirst}
        value={value}
        onChange={(_, text) => onChange(text)}
      />
    </label>
  );
}
