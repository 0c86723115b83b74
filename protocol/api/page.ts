// What all answers of the HTTP API share: pages, problems, revisions.
import { z } from 'zod';
import { descriptionCharactersMax, pageRowsDefault, pageRowsMax } from '../limits.ts';

/** Problem document (RFC 9457). `code` is a FailureCode; `decision` names the trace of a denial. */
export const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.string(),
  detail: z.string(),
  request_id: z.string().optional(),
  decision: z.string().optional(),
  /** One entry for each member of the request that is wrong. */
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

export const pageQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(pageRowsMax).default(pageRowsDefault),
  /** Opaque; `next_cursor` of the page before. */
  cursor: z.string().max(512).optional(),
});
export type PageQuery = z.infer<typeof pageQuerySchema>;

/** Keyset pagination: rows by descending id unless the route says otherwise. */
export function pageOf<Row extends z.ZodType>(row: Row) {
  return z.object({ items: z.array(row), next_cursor: z.string().nullable() });
}

/** Epoch milliseconds of the database's clock. */
export const timeSchema = z.int();
export const descriptionSchema = z.string().max(descriptionCharactersMax);
/** Counts the changes of a thing; the ETag of its answers is this number in quotes. */
export const revisionSchema = z.int().min(1);
