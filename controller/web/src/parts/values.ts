// Values of options as one types them: text as it is, everything else as JSON.
export type OptionValue = string | number | unknown[] | Record<string, unknown>;
export type OptionType = "text" | "integer" | "float" | "list" | "dict";

export function valueText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Throws an Error whose message says what is wrong with the text. */
export function parseValue(text: string, type: OptionType): OptionValue {
  if (type === "text") return text;
  if (type === "integer") {
    if (!/^-?\d+$/.test(text.trim())) throw new Error("must be a whole number");
    return Number(text);
  }
  if (type === "float") {
    if (text.trim() === "" || !Number.isFinite(Number(text))) throw new Error("must be a number");
    return Number(text);
  }
  const parsed = parse(text, type);
  if (type === "list" ? !Array.isArray(parsed) : Array.isArray(parsed) || parsed === null || typeof parsed !== "object")
    throw new Error(type === "list" ? 'must be a list, as ["a", "b"]' : 'must be a mapping, as {"a": 1}');
  return parsed as OptionValue;
}

function parse(text: string, type: "list" | "dict"): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(type === "list" ? 'must be a list, as ["a", "b"]' : 'must be a mapping, as {"a": 1}');
  }
}
