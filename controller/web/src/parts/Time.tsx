// Times as people read them: local unless they chose otherwise, with the exact UTC on hover; ages that count by themselves.
import { useNow } from "../live/context";
import { formats, zone } from "./zone";

const units: readonly [number, string][] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** "3 s", "4 min 10 s", "2 h 5 min": the two largest units. */
export function spanOf(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (ms > 0 && ms < 950) return `${Math.max(1, Math.round(ms / 10) * 10)} ms`;
  const at = units.findIndex(([size]) => seconds >= size);
  const [size, unit] = units[at] ?? [1, "s"];
  const next = units[at + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[0]);
  const first = `${Math.floor(seconds / size)} ${unit}`;
  return rest === 0 || next === undefined ? first : `${first} ${rest} ${next[1]}`;
}

/** The moment, in the zone that was chosen; of today the clock's time alone. */
export function Moment({ at }: { at: string }) {
  const { clock, dated, day } = formats[zone.useChoice()];
  const date = new Date(at);
  const isToday = day.format(date) === day.format(new Date());
  return (
    <time dateTime={at} title={utc(at)} className="cv-time">
      {isToday ? clock.format(date) : dated.format(date)}
    </time>
  );
}

/** "3 min ago" */
export function Ago({ at }: { at: string }) {
  const now = useNow();
  const { dated } = formats[zone.useChoice()];
  return (
    <time dateTime={at} title={`${dated.format(new Date(at))}, ${utc(at)}`} className="cv-time">
      {agoOf(now - Date.parse(at))}
    </time>
  );
}

export function agoOf(ms: number): string {
  if (ms < 5_000) return "just now";
  return `${coarse(ms)} ago`;
}

/** One unit is enough for what is long past, and nobody asks for parts of a second. */
export function coarse(ms: number): string {
  return ms < 60_000 ? spanOf(Math.max(1000, ms)) : spanOf(ms).split(" ").slice(0, 2).join(" ");
}

/** How long since. */
export function Elapsed({ since }: { since: string }) {
  return <span className="cv-time">{spanOf(useNow() - Date.parse(since))}</span>;
}

export function utc(at: string): string {
  return at.replace("T", " ").replace(/(\.\d+)?Z$/, " UTC");
}
