// Every list is answered in pages. `sort` is a field's name, `-` in front of it for descending; filters are fields of the query.
// A field that a list does not know is refused: a filter that is misspelt must not answer with everything.
import * as z from "zod";

export const pageQuery = z.strictObject({
  page: z.coerce.number().int().min(1).max(1_000_000).default(1),
  perPage: z.coerce.number().int().min(1).max(1000).default(100),
  sort: z.string().max(64).optional(),
});

/** A page of `item`: `total` counts all that match the filter, `page` counts from 1. */
export function pageOf<T extends z.ZodType>(item: T) {
  return z.object({
    items: z.array(item),
    total: z.number().int(),
    page: z.number().int(),
    perPage: z.number().int(),
  });
}
