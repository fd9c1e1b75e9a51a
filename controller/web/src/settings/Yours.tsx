import type { ReactNode } from "react";
import { Link } from "react-router";
import { chooseTheme, type Theme, theme, themeTitles } from "../frame/theme";
import { Moment } from "../parts/Time";
import { type Zone, zone } from "../parts/zone";

const zoneTitles: Readonly<Record<Zone, string>> = {
  local: `This browser's zone, ${new Intl.DateTimeFormat().resolvedOptions().timeZone}`,
  utc: "UTC, as in logs and on hosts",
};

/** One's own, kept by this browser. */
export function Yours() {
  const now = new Date().toISOString();
  return (
    <div className="cv-columns">
      <Choice name="theme" legend="Theme" titles={themeTitles} value={theme.useChoice()} onChoose={chooseTheme} />
      <Choice
        name="zone"
        legend="Times are shown in"
        titles={zoneTitles}
        value={zone.useChoice()}
        onChoose={zone.set}
        more={
          <>
            It is <Moment at={now} />. The exact UTC is on hover in both.
          </>
        }
      />
      <p className="cv-quiet cv-wide">
        Both are kept by this browser alone. Your password, your second factor and your tokens are under{" "}
        <Link to="/people?tab=you">People</Link>.
      </p>
    </div>
  );
}

interface Props<T extends Theme | Zone> {
  name: string;
  legend: string;
  titles: Readonly<Record<T, string>>;
  value: T;
  onChoose: (value: T) => void;
  more?: ReactNode;
}

function Choice<T extends Theme | Zone>({ name, legend, titles, value, onChoose, more }: Props<T>) {
  return (
    <fieldset className="cv-choice">
      <legend>{legend}</legend>
      {(Object.keys(titles) as T[]).map((each) => (
        <label key={each}>
          <input type="radio" name={name} checked={each === value} onChange={() => onChoose(each)} /> {titles[each]}
        </label>
      ))}
      {more !== undefined && <p className="cv-hint">{more}</p>}
    </fieldset>
  );
}
