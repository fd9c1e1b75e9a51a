// `+ - * / // % **`, shifts and bits, as Python 2 has them: int division floors, the sign of a remainder is the divisor's, an int
// that leaves 64 bits becomes a long, `%` on text formats.

import { intOrLong } from "../source/number-literal.js";
import { Tuple } from "../value.js";
import { numberOf } from "./compare.js";
import { percentFormat } from "./percent.js";
import type { Run } from "./run.js";
import { Iteration, Long, type Thing } from "./thing.js";
import { typeName } from "./type-name.js";

const maxBits = 40_000;

/** `left operator right`. `inPlace` is that of `+=`: a list grows itself. */
export function binary(operator: string, left: Thing, right: Thing, run: Run, inPlace = false): Thing {
  const a = numberOf(left);
  const b = numberOf(right);
  if (a !== undefined && b !== undefined) {
    if (typeof a === "bigint" && typeof b === "bigint") {
      const long = left instanceof Long || right instanceof Long;
      const result = integers(
        operator,
        a,
        b,
        run,
        isBit(operator) && typeof left === "boolean" && typeof right === "boolean",
      );
      if (typeof result !== "bigint") return result;
      return long ? new Long(result) : intOrLong(result);
    }
    return floats(operator, toFloat(a, run), toFloat(b, run), run);
  }
  if (operator === "+") return concatenate(left, right, run, inPlace);
  if (operator === "*") return repeatEither(left, right, run, inPlace);
  if (operator === "%" && typeof left === "string") return percentFormat(left, right, run);
  throw unsupported(operator, left, right, run);
}

function isBit(operator: string): boolean {
  return operator === "&" || operator === "|" || operator === "^";
}

function unsupported(operator: string, left: Thing, right: Thing, run: Run): Error {
  const types = `'${typeName(left)}' and '${typeName(right)}'`;
  return run.fail("TypeError", `unsupported operand types for ${operator}: ${types}`, adviceFor(operator, left, right));
}

function adviceFor(operator: string, left: Thing, right: Thing): string {
  const textAndNumber = (typeof left === "string") !== (typeof right === "string");
  return operator === "+" && textAndNumber
    ? "Write str(x) to join a number to text."
    : "Use values of types that go together.";
}

export function toFloat(value: bigint | number, run: Run): number {
  if (typeof value === "number") return value;
  const float = Number(value);
  if (!Number.isFinite(float)) throw run.fail("OverflowError", "the number is too large for a float");
  return float;
}

function bitLength(value: bigint): number {
  if (BigInt.asIntN(64, value) === value) return 64;
  return value.toString(16).length * 4;
}

function integers(operator: string, a: bigint, b: bigint, run: Run, booleans: boolean): Thing {
  const size = Math.max(bitLength(a), bitLength(b));
  run.spend(size >> 3);
  if (size > 64) run.spend((size / 64) ** 2);
  switch (operator) {
    case "+":
      return bounded(a + b, run);
    case "-":
      return bounded(a - b, run);
    case "*":
      return bounded(a * b, run);
    case "/":
    case "//":
      return floorDivide(a, b, run);
    case "%":
      return a - floorDivide(a, b, run) * b;
    case "**":
      return power(a, b, run);
    case "<<":
    case ">>":
      return shift(operator, a, b, run);
    case "&":
      return booleans ? (a & b) !== 0n : a & b;
    case "|":
      return booleans ? (a | b) !== 0n : a | b;
    case "^":
      return booleans ? (a ^ b) !== 0n : a ^ b;
    default:
      throw new Error(`No such operator: ${operator}`);
  }
}

function bounded(value: bigint, run: Run): bigint {
  if (bitLength(value) > maxBits) throw run.limit("A number has too many digits");
  return value;
}

function floorDivide(a: bigint, b: bigint, run: Run): bigint {
  if (b === 0n) throw run.fail("ZeroDivisionError", "integer division or modulo by zero", "Divide by another number.");
  const quotient = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function power(base: bigint, exponent: bigint, run: Run): Thing {
  if (exponent < 0n) {
    if (base === 0n) throw run.fail("ZeroDivisionError", "0.0 cannot be raised to a negative power");
    return toFloat(base, run) ** toFloat(exponent, run);
  }
  if (base === 0n || base === 1n || base === -1n)
    return base ** (exponent % 2n === 0n ? (exponent === 0n ? 0n : 2n) : 1n);
  const bits = base < 0n ? (-base).toString(2).length : base.toString(2).length;
  if (exponent > BigInt(maxBits) || bits * Number(exponent) > maxBits) throw run.limit("A number has too many digits");
  run.spend((bits * Number(exponent)) / 4);
  return base ** exponent;
}

function shift(operator: string, a: bigint, b: bigint, run: Run): bigint {
  if (b < 0n) throw run.fail("ValueError", "negative shift count");
  if (operator === ">>") return b > BigInt(maxBits) ? (a < 0n ? -1n : 0n) : a >> b;
  if (a === 0n) return 0n;
  if (b > BigInt(maxBits)) throw run.limit("A number has too many digits");
  return bounded(a << b, run);
}

function floats(operator: string, a: number, b: number, run: Run): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      if (b === 0) throw run.fail("ZeroDivisionError", "float division by zero", "Divide by another number.");
      return a / b;
    case "//":
      return floorDivideFloats(a, b, run);
    case "%":
      return moduloFloats(a, b, run);
    case "**":
      return powerOfFloats(a, b, run);
    default:
      throw run.fail("TypeError", `unsupported operand type for ${operator}: 'float'`, "Use ints.");
  }
}

function moduloFloats(a: number, b: number, run: Run): number {
  if (b === 0) throw run.fail("ZeroDivisionError", "float modulo", "Divide by another number.");
  const remainder = a % b;
  if (remainder === 0) return b < 0 ? -0 : 0;
  return remainder < 0 !== b < 0 ? remainder + b : remainder;
}

function floorDivideFloats(a: number, b: number, run: Run): number {
  const remainder = moduloFloats(a, b, run);
  const quotient = (a - remainder) / b;
  if (quotient === 0) return 0 * (a / b);
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

function powerOfFloats(a: number, b: number, run: Run): number {
  if (a === 0 && b < 0) throw run.fail("ZeroDivisionError", "0.0 cannot be raised to a negative power");
  if (a === 1 || b === 0) return 1;
  if (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) return 1;
  if (a < 0 && Number.isFinite(a) && Number.isFinite(b) && !Number.isInteger(b)) {
    throw run.fail("ValueError", "negative number cannot be raised to a fractional power");
  }
  const result = a ** b;
  if (!Number.isFinite(result) && Number.isFinite(a) && Number.isFinite(b)) {
    throw run.fail("OverflowError", "the result is too large");
  }
  return result;
}

export function unary(operator: string, operand: Thing, run: Run): Thing {
  const value = numberOf(operand);
  if (value === undefined || (operator === "~" && typeof value === "number")) {
    throw run.fail("TypeError", `bad operand type for unary ${operator}: '${typeName(operand)}'`, "Use a number.");
  }
  if (typeof value === "number") return operator === "-" ? -value : value;
  const result = operator === "-" ? -value : operator === "~" ? ~value : value;
  return operand instanceof Long ? new Long(result) : intOrLong(result);
}

function concatenate(left: Thing, right: Thing, run: Run, inPlace: boolean): Thing {
  if (typeof left === "string" && typeof right === "string") {
    run.make(left.length + right.length);
    return left + right;
  }
  if (left instanceof Tuple && right instanceof Tuple) {
    run.make(16 * (left.items.length + right.items.length));
    return new Tuple([...left.items, ...right.items]);
  }
  if (Array.isArray(left)) {
    const added = inPlace ? itemsToAdd(right, run) : Array.isArray(right) ? right : undefined;
    if (added !== undefined) {
      run.make(16 * (added.length + (inPlace ? 0 : left.length)));
      if (!inPlace) return [...left, ...added];
      return grow(left, added, run);
    }
  }
  throw unsupported("+", left, right, run);
}

/** Appends all of `added`, which may be the list itself. */
export function grow(list: Thing[], added: readonly Thing[], run: Run): Thing[] {
  if (16 * (list.length + added.length) > 64 * 1024 * 1024) throw run.limit("A value is larger than 4 MiB");
  const count = added.length;
  for (let index = 0; index < count; index += 1) list.push(added[index] ?? null);
  return list;
}

function itemsToAdd(right: Thing, run: Run): readonly Thing[] | undefined {
  if (Array.isArray(right)) return right;
  if (right instanceof Tuple) return right.items;
  if (right instanceof Iteration) return right.items;
  if (right instanceof Map) return [...right.keys()];
  if (typeof right !== "string") return undefined;
  run.make(16 * right.length);
  return [...right];
}

function repeatEither(left: Thing, right: Thing, run: Run, inPlace: boolean): Thing {
  const sequenceFirst = isSequence(left);
  const sequence = sequenceFirst ? left : right;
  const count = numberOf(sequenceFirst ? right : left);
  if (typeof count !== "bigint" || !isSequence(sequence)) throw unsupported("*", left, right, run);
  const times = count < 0n ? 0n : count;
  const size = typeof sequence === "string" ? sequence.length : 16 * itemsOf(sequence).length;
  if (size === 0) return typeof sequence === "string" || sequence instanceof Tuple ? sequence : inPlace ? sequence : [];
  if (times > 2n ** 32n) throw run.limit("A value is larger than 4 MiB");
  run.make(size * Number(times));
  if (typeof sequence === "string") return sequence.repeat(Number(times));
  const items: Thing[] = [];
  for (let turn = 0; turn < Number(times); turn += 1) grow(items, itemsOf(sequence), run);
  if (sequence instanceof Tuple) return new Tuple(items);
  if (!inPlace || !sequenceFirst || !Array.isArray(sequence)) return items;
  sequence.length = 0;
  return grow(sequence, items, run);
}

function isSequence(thing: Thing): thing is string | Thing[] | Tuple<Thing> {
  return typeof thing === "string" || Array.isArray(thing) || thing instanceof Tuple;
}

function itemsOf(sequence: Thing[] | Tuple<Thing>): readonly Thing[] {
  return Array.isArray(sequence) ? sequence : sequence.items;
}
