// One audit event as it is exported: its facts, and its place in the chain.
import { z } from 'zod';

const actorSchema = z.object({ id: z.string(), kind: z.string(), name: z.string() });

/** Passed on as it is, whatever its members are called. */
const jsonObjectSchema = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
);

export const exportedEventSchema = z.strictObject({
  type: z.literal('event'),
  id: z.string(),
  position: z.int().min(1),
  organization: z.string(),
  at: z.int(),
  principal: actorSchema.strict().nullable(),
  actors: z.array(actorSchema.strict()),
  operation: z.string(),
  permission: z.string().nullable(),
  resource: z.string(),
  result: z.string(),
  decision: z.string().nullable(),
  details: jsonObjectSchema,
  request: jsonObjectSchema,
  mac: z.string(),
  previous_hash: z.string(),
  hash: z.string(),
});
export type ExportedEvent = z.infer<typeof exportedEventSchema>;
