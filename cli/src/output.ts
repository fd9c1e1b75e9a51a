// What a person sees: tables, ages, sizes. Everything that came from outside is shown without its control characters, so that no name, log line or
// error can drive the terminal.
import Table from "cli-table3";

/** Control characters, and those that turn the direction of a line around or break it unseen. */
const unseen = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** Text as it may be written to a terminal: what would drive it is shown as `\xNN` or `\uNNNN`; newlines and tabs stay. */
export function plain(text: string): string {
  return text.replace(unseen, shown);
}

/** The same for what must stay on its line: newlines and tabs are shown too. */
export function plainLine(text: string): string {
  return plain(text).replace(/[\n\t]/g, shown);
}

/** An answer as JSON, of the same value when it is read: what would drive a terminal is written by its number. */
export function plainJson(answer: unknown, indent = 2): string {
  return JSON.stringify(answer, null, indent).replace(
    unseen,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function shown(character: string): string {
  const code = character.charCodeAt(0).toString(16);
  return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
}

/** Removes escape sequences from a chunk of a log and shows other control characters harmless; carriage returns stay as line ends. */
export function plainLog(text: string): string {
  return plain(text.replace(/\r\n?/g, "\n"));
}

/** A table without frames: columns are as wide as they must be, the last may be long. */
export function table(head: readonly string[], rows: readonly (readonly (string | number | null)[])[]): string {
  const sheet = new Table({
    head: [...head],
    style: { head: [], border: [], "padding-left": 0, "padding-right": 2 },
    chars: {
      top: "",
      "top-mid": "",
      "top-left": "",
      "top-right": "",
      bottom: "",
      "bottom-mid": "",
      "bottom-left": "",
      "bottom-right": "",
      left: "",
      "left-mid": "",
      mid: "",
      "mid-mid": "",
      right: "",
      "right-mid": "",
      middle: "",
    },
  });
  for (const row of rows) sheet.push(row.map((cell) => (cell === null ? "-" : plainLine(String(cell)))));
  return sheet
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** Binary units, three digits: `1.5 GiB`. */
export function size(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Seconds as a person says them: `4 s`, `3 min`, `2 h`, `5 d`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

export function ago(instant: string | null, now: Date = new Date()): string {
  return instant === null ? "-" : `${duration((now.getTime() - Date.parse(instant)) / 1000)} ago`;
}
