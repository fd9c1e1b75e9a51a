import type { OptionView } from "@convirt/contract/image";
import { count } from "../parts/words";
import { useMay } from "../sign-in/Session";
import type { ChangeDraft, Draft } from "./draft";
import { groupOf, groups } from "./groups";
import { OptionField } from "./OptionField";
import { Section } from "./Section";

interface Props {
  draft: Draft;
  change: ChangeDraft;
  options: readonly OptionView[];
}

/** What may be changed comes first in each group; what is locked is there too, and says why. */
export function OptionsSection({ draft, change, options }: Props) {
  const mayReachHost = useMay("raw_config", "host", draft.host);
  const set = Object.keys(draft.values).length + Object.keys(draft.secrets).length;
  return (
    <Section
      number={4}
      title="Options"
      chosen={set === 0 ? "all as the image has them" : `${count(set, "value")} of your own`}
    >
      {groups.map((group) => {
        const all = options.filter((option) => groupOf(option) === group);
        if (all.length === 0) return null;
        const open = all.filter(({ customizable }) => customizable);
        const locked = all.filter(({ customizable }) => !customizable);
        const isUsual = group === "General" || open.some((option) => keyOf(option) in draft.values || option.secret);
        return (
          <details key={group} className="cv-group" open={isUsual}>
            <summary>
              {group}{" "}
              <span className="cv-quiet">
                {open.length > 0 ? `${open.length} to change` : ""}
                {open.length > 0 && locked.length > 0 ? ", " : ""}
                {locked.length > 0 ? `${locked.length} locked` : ""}
              </span>
            </summary>
            <div className="cv-group-fields">
              {[...open, ...locked].map((option) => (
                <OptionField
                  key={keyOf(option)}
                  option={option}
                  mayReachHost={mayReachHost}
                  value={draft[option.secret ? "secrets" : "values"][keyOf(option)]}
                  onChange={(value) => {
                    const kept = option.secret ? "secrets" : "values";
                    const { [keyOf(option)]: _, ...others } = draft[kept];
                    change({ [kept]: value === undefined ? others : { ...others, [keyOf(option)]: value } });
                  }}
                />
              ))}
            </div>
          </details>
        );
      })}
    </Section>
  );
}

function keyOf({ file, name }: OptionView): string {
  return `${file} ${name}`;
}
