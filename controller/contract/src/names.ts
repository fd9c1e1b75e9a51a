// Names and small values that many shapes of the API share. White lists, all of them: see docs/glossary.md.
import * as z from "zod";
import * as status from "./status.js";

export const vmNamePattern = status.vmNamePattern;
export const imageNamePattern = status.imageNamePattern;
export const hostNamePattern = status.hostNamePattern;

/** Starts with a letter, so that xl can never take it for a domain id. */
export const vmName = z
  .string()
  .regex(vmNamePattern, "must start with a letter and hold 1 to 63 of A-Z a-z 0-9 _ . - ");
export const imageName = z
  .string()
  .regex(imageNamePattern, "must hold 1 to 63 of A-Z a-z 0-9 _ . + - and start with a letter, a digit or _");
export const hostName = z
  .string()
  .regex(hostNamePattern, "must hold 1 to 63 of A-Z a-z 0-9 . - and start and end with a letter or a digit");

/** A text of one line, of whatever letters; without characters that steer a terminal, a log or a database. */
export const line = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^\P{Cc}*$/u, "must hold no control characters and no line breaks");
/** The same of several lines. */
export const lines = (most: number) =>
  z
    .string()
    .max(most)
    .regex(/^[\P{Cc}\n\t]*$/u, "must hold no control characters but line breaks and tabs");

/** RFC 3339 in UTC with milliseconds. */
export const instant = z.iso.datetime();
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const uuid = z.uuid();

/** An option's value as JSON: text, number, list or mapping. Whole numbers are ints, others floats. */
export const optionValue = z.union([z.string(), z.number(), z.array(z.json()), z.record(z.string(), z.json())]);
export const optionValues = z.record(z.string().max(200), optionValue);
export type OptionValues = z.infer<typeof optionValues>;
