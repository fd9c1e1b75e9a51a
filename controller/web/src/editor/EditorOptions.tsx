import type { OptionView } from "@convirt/contract/image";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { useEffect, useId, useState } from "react";
import { Reach } from "../images/Reach";
import { type OptionValue, parseValue, valueText } from "../parts/values";

interface Props {
  path: string;
  options: readonly OptionView[];
  onSet: (name: string, value: OptionValue | undefined) => void;
}

/** The form that the source makes. A value that is set here is written into the source, with every comment kept. */
export function EditorOptions({ path, options, onSet }: Props) {
  if (!/\.(conf|template)$/.test(path)) return null;
  return (
    <aside className="cv-editor-options" aria-label={`Options of ${path}`}>
      <h2>Options</h2>
      {options.length === 0 && <p className="cv-quiet">The source says none that can be read.</p>}
      {options.map((option) => (
        <Field key={option.name} option={option} onSet={onSet} />
      ))}
    </aside>
  );
}

function Field({ option, onSet }: { option: OptionView; onSet: Props["onSet"] }) {
  const id = useId();
  const own = valueText(option.default);
  const [text, setText] = useState(own);
  const [fault, setFault] = useState<string>();
  useEffect(() => setText(own), [own]);
  const set = () => {
    if (text === own) return;
    try {
      onSet(option.name, parseValue(text, option.type));
      setFault(undefined);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  return (
    <div className="cv-editor-option">
      <label htmlFor={id}>
        <code>{option.name}</code>
        {!option.customizable && <LockIcon className="cv-lock" aria-label="locked when provisioning" role="img" />}
        {option.reach === "privileged" && <Reach of={option.reach} />}
      </label>
      <input
        id={id}
        value={text}
        disabled={option.computed}
        aria-invalid={fault !== undefined}
        onChange={({ target }) => setText(target.value)}
        onBlur={set}
        onKeyDown={({ key }) => key === "Enter" && set()}
      />
      {fault !== undefined && <p className="cv-hint cv-fault">{fault}</p>}
    </div>
  );
}
