/** How a call of the fake ends: like the real one, with lines on a stream and an exit code. */
export class Ends extends Error {
  readonly exitCode: number;
  readonly stderr: string;
  constructor(exitCode: number, stderr: string) {
    super(stderr);
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** JSON as xl prints it: four blanks a level, and an empty object over two lines. */
export function xlJson(value: unknown, indent = ""): string {
  const inner = `${indent}    `;
  if (Array.isArray(value))
    return value.length === 0
      ? `[\n\n${indent}]`
      : `[\n${value.map((one) => inner + xlJson(one, inner)).join(",\n")}\n${indent}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return `{\n\n${indent}}`;
  return `{\n${entries.map(([key, one]) => `${inner}${JSON.stringify(key)}: ${xlJson(one, inner)}`).join(",\n")}\n${indent}}`;
}
