// In which zone times are shown. The choice is this browser's.
import { keptChoice } from "./kept";

const zones = ["local", "utc"] as const;
export type Zone = (typeof zones)[number];
export const zone = keptChoice<Zone>("convirt-zone", zones);

interface Formats {
  clock: Intl.DateTimeFormat;
  dated: Intl.DateTimeFormat;
  day: Intl.DateTimeFormat;
}

export const formats: Readonly<Record<Zone, Formats>> = { local: formatsOf({}), utc: formatsOf({ timeZone: "UTC" }) };

function formatsOf(where: { timeZone?: string }): Formats {
  const time = { hour: "2-digit", minute: "2-digit" } as const;
  const date = { year: "numeric", month: "short", day: "numeric" } as const;
  return {
    clock: new Intl.DateTimeFormat(undefined, { ...where, ...time, second: "2-digit" }),
    dated: new Intl.DateTimeFormat(undefined, { ...where, ...date, ...time }),
    day: new Intl.DateTimeFormat(undefined, { ...where, ...date }),
  };
}
