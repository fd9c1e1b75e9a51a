/** The environment, read in this one place. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}
