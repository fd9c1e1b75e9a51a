import { Long } from "../run/thing.js";
import { Stopped } from "./stopped.js";

// Python 2's numbers and what Python 3 added to them (underscores). `08` is no number in either; `0777` is octal, as it was.
const digits = "[0-9](?:_?[0-9])*";
const floating = new RegExp(
  `(?:${digits}\\.(?:${digits})?|\\.${digits})(?:[eE][+-]?${digits})?|${digits}[eE][+-]?${digits}`,
  "y",
);
const integer = /0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+|[0-9](?:_?[0-9])*/y;

const largestInt = 2n ** 63n - 1n;
// A literal longer than this cannot be an option, and would only cost time to convert.
const maxDigits = 10_000;

/** An int that fits 64 bits, else a long: the type that Python 2 gives it. */
export function intOrLong(value: bigint): bigint | Long {
  return value > largestInt || value < -largestInt - 1n ? new Long(value) : value;
}

/** Reads the number at `from`, which is a digit or a point before a digit. Throws `Stopped` on what is no number. */
export function readNumber(source: string, from: number): { value: bigint | number | Long; to: number } {
  floating.lastIndex = from;
  const float = floating.exec(source)?.[0];
  if (float !== undefined) {
    const to = from + float.length;
    refuseImaginary(source, to);
    return { value: Number(float.replaceAll("_", "")), to };
  }
  integer.lastIndex = from;
  const text = integer.exec(source)?.[0] ?? "";
  let to = from + text.length;
  refuseImaginary(source, to);
  const plain = text.replaceAll("_", "");
  if (/^0[xXoObB]/.test(source.slice(from, from + 2)) && plain.length < 3) throw invalid(from, source);
  if (plain.length > maxDigits) {
    throw new Stopped("limit_exceeded", from, `A number has more than ${maxDigits} digits.`, "Write a shorter number.");
  }
  const value = integerOf(plain);
  if (value === undefined || /[0-9]/.test(source[to] ?? "")) throw invalid(from, source);
  if (source[to] === "L" || source[to] === "l") {
    to += 1;
    return { value: new Long(value), to };
  }
  return { value: intOrLong(value), to };
}

function integerOf(text: string): bigint | undefined {
  if (text.length > 1 && /^0[0-9]/.test(text)) return /^[0-7]+$/.test(text) ? BigInt(`0o${text.slice(1)}`) : undefined;
  return BigInt(text.toLowerCase());
}

function refuseImaginary(source: string, to: number): void {
  if (source[to] !== "j" && source[to] !== "J") return;
  throw new Stopped(
    "refused_construct",
    to,
    "Imaginary numbers are not part of the format.",
    "Write an int or a float.",
  );
}

function invalid(from: number, source: string): Stopped {
  const text = /^[0-9A-Za-z_]{1,20}/.exec(source.slice(from, from + 20))?.[0] ?? "";
  return new Stopped(
    "syntax",
    from,
    `${text} is not a number.`,
    "Write decimal digits without leading zeros, 0x and hexadecimal digits, or 0o and octal digits.",
  );
}
