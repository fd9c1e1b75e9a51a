import type { OptionView } from "@convirt/contract/image";
import { Button } from "@patternfly/react-core/dist/esm/components/Button";
import { TextArea } from "@patternfly/react-core/dist/esm/components/TextArea";
import { TextInput } from "@patternfly/react-core/dist/esm/components/TextInput";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import { useId, useState } from "react";
import { whyLocked } from "../images/ImageOptions";
import { Reach } from "../images/Reach";
import { type OptionValue, parseValue, valueText } from "../parts/values";
import { unitOf } from "./groups";

interface Props {
  option: OptionView;
  /** Undefined while the image's own value stands. */
  value: OptionValue | undefined;
  onChange: (value: OptionValue | undefined) => void;
  /** Whether the person may set what reaches into the host. */
  mayReachHost: boolean;
}

export function OptionField({ option, value, onChange, mayReachHost }: Props) {
  const isKept = option.customizable && option.reach === "privileged" && !mayReachHost;
  const isLocked = !option.customizable || isKept;
  const id = useId();
  const [text, setText] = useState<string>();
  const [fault, setFault] = useState<string>();
  const own = valueText(option.default);
  const shown = text ?? (value === undefined ? own : valueText(value));
  const unit = unitOf(option.name);
  const type = (next: string) => {
    setText(next);
    try {
      const parsed = parseValue(next, option.type);
      setFault(undefined);
      onChange(next === own ? undefined : parsed);
    } catch (error) {
      setFault(error instanceof Error ? error.message : String(error));
    }
  };
  const isLong = !option.secret && (option.type === "list" || option.type === "dict" || own.length > 60);
  const common = {
    id,
    value: shown,
    validated: fault === undefined ? ("default" as const) : ("error" as const),
    "aria-describedby": `${id}-about`,
  };
  return (
    <div className="cv-option" data-locked={isLocked}>
      <label htmlFor={id} className="cv-label">
        <code>{option.name}</code>
        {unit !== undefined && <span className="cv-quiet"> in {unit}</span>}
        {isLocked && <LockIcon className="cv-lock" />}
      </label>
      {isLong ? (
        <TextArea
          {...common}
          rows={Math.min(5, Math.ceil(shown.length / 50))}
          resizeOrientation="vertical"
          isDisabled={isLocked}
          onChange={(_, next) => type(next)}
        />
      ) : (
        <TextInput
          {...common}
          {...(option.secret ? { type: "password" as const, autoComplete: "off" } : {})}
          isDisabled={isLocked}
          onChange={(_, next) => type(next)}
        />
      )}
      <p className="cv-hint" id={`${id}-about`}>
        {fault !== undefined ? (
          <span className="cv-fault">{fault}</span>
        ) : option.customizable ? (
          <>
            {option.type}, of {option.file}; reaches <Reach of={option.reach} />
            {option.secret && "; secret: 6 characters or more, shown and kept nowhere, given anew each time"}
            {isKept && ", and setting it takes the role raw config for this host"}
          </>
        ) : (
          whyLocked(option)
        )}
        {(value !== undefined || text !== undefined) && shown !== own && (
          <Button
            variant="link"
            isInline
            size="sm"
            onClick={() => {
              setText(undefined);
              setFault(undefined);
              onChange(undefined);
            }}
          >
            {" "}
            back to {own === "" ? "empty" : own.slice(0, 40)}
          </Button>
        )}
      </p>
    </div>
  );
}
