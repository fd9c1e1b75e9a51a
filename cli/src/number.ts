import { InvalidArgumentError, Option } from "commander";

/** An option that takes a whole number within bounds; anything else ends the command with 2 before anything is sent. */
export function wholeNumber(flags: string, description: string, [least, most]: readonly [number, number]): Option {
  return new Option(flags, description).argParser((text: string) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most))
      throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
    return value;
  });
}
