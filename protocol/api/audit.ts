// Requests and answers about the record: its events, its heads, its settings.
import { z } from 'zod';
import { auditExportFormats } from '../audit-export.ts';
import { auditKeySchema } from '../audit-head.ts';
import { idSchema } from '../ids.ts';
import { auditRetentionDaysMax, auditRetentionDaysMin, denialsPerMinuteMax, pageRowsMax } from '../limits.ts';
import { pageOf, pageQuerySchema, timeSchema } from './page.ts';

const results = ['allowed', 'denied', 'failed'] as const;
const actorSchema = z.object({ id: z.string(), name: z.string(), kind: z.string() });

export const auditEventSchema = z.object({
  id: idSchema,
  /** Place in the organization's chain; null until it is chained, moments later. */
  position: z.int().nullable(),
  at: timeSchema,
  /** Null for what the control plane did by itself. */
  principal: actorSchema.nullable(),
  /** Who acted for the principal, the nearest first; empty where it acted itself. */
  actors: z.array(actorSchema),
  /** What was done, for instance `run.start`; `access` for what was denied. */
  operation: z.string(),
  permission: z.string().nullable(),
  resource: z.string(),
  result: z.enum(results),
  decision: z.string().nullable(),
  /** Before and after, secrets redacted. */
  details: z.record(z.string(), z.unknown()),
  request: z.record(z.string(), z.unknown()),
  hash: z.string().nullable(),
});
export type AuditEvent = z.infer<typeof auditEventSchema>;

/** With a filter a page may be shorter than `limit` and still have a `next_cursor`. */
export const auditPageSchema = pageOf(auditEventSchema);

const filterSchema = z.object({
  operation: z.string().max(200).optional(),
  /** Id or name: what it did, and what it did for others. */
  principal: z.string().max(200).optional(),
  result: z.enum(results).optional(),
  /** A resource and what lies below it. */
  resource: z.string().max(1_000).optional(),
  permission: z.string().max(200).optional(),
  decision: z.string().max(64).optional(),
});
const epochSchema = z.coerce.number().int().min(0);

export const auditQuerySchema = pageQuerySchema.extend({
  ...filterSchema.shape,
  /** Epoch ms, in. */
  since: epochSchema.optional(),
  /** Epoch ms, out. */
  until: epochSchema.optional(),
});
export const auditTailQuerySchema = filterSchema.extend({
  /** The last position that was seen; without it the stream begins with the `last` ones that there are. */
  after: epochSchema.optional(),
  last: z.coerce.number().int().min(0).max(pageRowsMax).default(0),
});
export const auditExportQuerySchema = z.object({
  format: z.enum(auditExportFormats).default('jsonl'),
  /** The last position that the caller has already. */
  after: epochSchema.default(0),
});

/** A signed head, to be kept elsewhere; `audit verify --against` takes it. */
export const auditHeadSchema = z.object({ jws: z.string(), key: auditKeySchema });

/** Every key that ever signed heads, to be kept elsewhere; `audit verify FILE --keys` takes it. */
export const auditKeysSchema = z.object({ keys: z.array(auditKeySchema.extend({ kid: z.string() })) });

export const auditVerifyRequestSchema = z.strictObject({ against: z.unknown().optional() });
export const auditVerifySchema = z.object({
  valid: z.boolean(),
  events: z.int(),
  head: z.object({ position: z.int(), hash: z.string() }).nullable(),
  /** The last event that retention removed; 0 where none was. */
  removed: z.int(),
  problem: z.string().nullable(),
  /** The position of the event that it is wrong with, where there is one. */
  problem_at: z.int().nullable(),
});

const retentionSchema = z.int().min(auditRetentionDaysMin).max(auditRetentionDaysMax).nullable();
const denialsSchema = z.int().min(0).max(denialsPerMinuteMax).nullable();

export const auditSettingsSchema = z.object({
  /** Null: events are kept for ever. */
  retention_days: retentionSchema,
  /** Of one principal, beyond which denials are counted and told together; null: each is an event. */
  denials_per_minute: denialsSchema,
  updated_at: timeSchema.nullable(),
  /** 0 where they were never changed. */
  revision: z.int().min(0),
});
export type AuditSettingsView = z.infer<typeof auditSettingsSchema>;

/** Members that are left out stay as they are. */
export const auditSettingsUpdateSchema = z.strictObject({
  retention_days: retentionSchema.optional(),
  denials_per_minute: denialsSchema.optional(),
});
