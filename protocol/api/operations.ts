// Requests and answers about groups, agents, actions, variables and schedules.
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema } from '../ids.ts';
import {
  cronCharactersMax,
  joinTokenMsMax,
  priorityMax,
  runExpiresMsMax,
  zoneCharactersMax,
} from '../limits.ts';
import { jsonRecordSchema, jsonValueSchema } from '../outcome.ts';
import { descriptionSchema, pageOf, revisionSchema, timeSchema } from './page.ts';

export const groupCreateSchema = z.strictObject({
  name: newNameSchema,
  description: descriptionSchema.default(''),
  /** A person must approve each joining agent by the fingerprint of its key (rules.md 33). */
  production: z.boolean().default(false),
  /** New digests are dispatched only after a person accepted them (rules.md 19). */
  pinned: z.boolean().default(false),
});
/** Without the defaults of creation: a change that does not name a member leaves it as it is. */
export const groupUpdateSchema = z.strictObject({
  description: descriptionSchema.optional(),
  production: z.boolean().optional(),
  pinned: z.boolean().optional(),
});
export const groupSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  production: z.boolean(),
  pinned: z.boolean(),
  agents: z.object({ total: z.int(), online: z.int() }),
  queued: z.int(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export type Group = z.infer<typeof groupSchema>;
export const groupPageSchema = pageOf(groupSchema);

export const joinTokenCreateSchema = z.strictObject({
  expires_in_ms: z.int().min(10_000).max(joinTokenMsMax).optional(),
  /** Groups that the agent may serve besides the one in the path. */
  groups: z.array(nameSchema).max(20).default([]),
  /** CIDRs from which the token may be used; empty = anywhere. */
  networks: z.array(z.string().max(64)).max(20).default([]),
});
export const joinTokenSchema = z.object({
  id: idSchema,
  /**
   * Shown once. `wsj_` + id + `.` + secret (base64url of 32 bytes) + `.` + the SHA-256 (hex) of the root certificate
   * (DER) that the agent must see at the end of the chain that the enrolment listener presents.
   */
  token: z.string(),
  groups: z.array(nameSchema),
  expires_at: timeSchema,
  /** Where to enrol, `https://host:port`. */
  enroll_url: z.string(),
  /** The one command for the agent's machine; the token comes by standard input (rules.md 33). */
  command: z.string(),
});

export const agentSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  groups: z.array(nameSchema),
  status: z.enum(['online', 'offline', 'draining', 'revoked', 'pending_approval', 'quarantined']),
  version: z.string().nullable(),
  concurrency: z.int().nullable(),
  running: z.int(),
  shares_user: z.boolean().nullable(),
  load_errors: z.array(z.string()),
  certificate_not_after: timeSchema.nullable(),
  key_fingerprint: z.string(),
  created_at: timeSchema,
  connected_at: timeSchema.nullable(),
  last_seen_at: timeSchema.nullable(),
  revoked_at: timeSchema.nullable(),
  revision: revisionSchema,
});
export type Agent = z.infer<typeof agentSchema>;
export const agentPageSchema = pageOf(agentSchema);
/** A new name is for people: the agent keeps the one that it joined with, and its certificate has none. */
export const agentUpdateSchema = z.strictObject({
  name: newNameSchema.optional(),
  description: descriptionSchema.optional(),
});
export const agentRevokeSchema = z.strictObject({ reason: z.string().max(500).optional() });
/** The fingerprint that the agent's own machine shows; approval is refused where the key is another by now. */
export const agentApproveSchema = z.strictObject({ fingerprint: z.string().max(128) });

/** What the agents of a group advertise under one name. */
export const operationSchema = z.object({
  group: nameSchema,
  operation: nameSchema,
  description: z.string(),
  digest: z.string(),
  inputs: z.record(z.string(), z.unknown()).nullable(),
  timeout_ms: z.int(),
  idempotent: z.boolean(),
  concurrency: z.int().nullable(),
  compatibility: z.boolean(),
  /** Whether its runs get a token of their own. */
  token: z.boolean(),
  agents_online: z.int(),
  /** In a pinned group: whether a person has accepted this digest. */
  accepted: z.boolean(),
  /** The action that offers it, where there is one. */
  action: nameSchema.nullable(),
  last_advertised_at: timeSchema,
});
export const operationPageSchema = pageOf(operationSchema);
export const digestAcceptSchema = z.strictObject({ operation: nameSchema, digest: z.string() });

export const actionCreateSchema = z.strictObject({
  name: newNameSchema,
  group: z.string(),
  operation: nameSchema,
  description: descriptionSchema.default(''),
  expires_in_ms: z.int().min(1_000).max(runExpiresMsMax).optional(),
  priority: z.int().min(0).max(priorityMax).default(0),
});
/** Without the defaults of creation: a change that does not name a member leaves it as it is. */
export const actionUpdateSchema = z.strictObject({
  group: z.string().optional(),
  operation: nameSchema.optional(),
  description: descriptionSchema.optional(),
  expires_in_ms: actionCreateSchema.shape.expires_in_ms,
  priority: z.int().min(0).max(priorityMax).optional(),
});
export const publishAllSchema = z.strictObject({ group: z.string() });
export const actionSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  group: z.object({ id: idSchema, name: nameSchema }),
  operation: nameSchema,
  /** Of the definition that a request is checked against now; null where it was never advertised. */
  definition: z
    .object({
      digest: z.string(),
      inputs: z.record(z.string(), z.unknown()).nullable(),
      timeout_ms: z.int(),
      idempotent: z.boolean(),
      agents_online: z.int(),
    })
    .nullable(),
  expires_in_ms: z.int(),
  priority: z.int(),
  runs: z.int(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export type Action = z.infer<typeof actionSchema>;
export const actionPageSchema = pageOf(actionSchema);
export const publishAllAnswerSchema = z.object({
  created: z.array(actionSchema),
  /** Names of the actions of the group that were there before. */
  kept: z.array(nameSchema),
  /** Operations for which no name was free; create their actions by hand. */
  skipped: z.array(z.string()).default([]),
});

export const variableSetSchema = z.strictObject({
  value: jsonValueSchema,
  sensitive: z.boolean().default(false),
  description: descriptionSchema.default(''),
  /** Action scope; without it the variable is the project's. */
  action: z.string().optional(),
  /**
   * Where a sensitive variable may go (rules.md 19): group and input by name. Without it a sensitive variable of an
   * action goes to the input of its name, and one of the project goes nowhere until it is bound.
   */
  bind: z
    .array(z.strictObject({ action: nameSchema, input: nameSchema }))
    .max(100)
    .optional(),
});
export const variableSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  sensitive: z.boolean(),
  /** Absent for a sensitive one, always. */
  value: jsonValueSchema.optional(),
  action: nameSchema.nullable(),
  bind: z.array(z.object({ action: nameSchema, input: nameSchema })),
  updated_at: timeSchema,
  revision: revisionSchema,
});
export const variablePageSchema = pageOf(variableSchema);

const cronSchema = z.string().max(cronCharactersMax);
/** IANA time zone name. */
const zoneSchema = z.string().max(zoneCharactersMax);
/** A time that the clocks skip: run right after the gap, or not at all. */
const skippedHourSchema = z.enum(['run_after', 'skip']);
/** A time that comes twice: run at the first, the second, or both. */
const doubledHourSchema = z.enum(['first', 'second', 'both']);
/** Fire times missed while nothing ran: none, the last one once, or all up to the newest 100. */
const misfireSchema = z.enum(['skip', 'once', 'all']);

export const scheduleCreateSchema = z.strictObject({
  name: newNameSchema,
  action: z.string(),
  cron: cronSchema,
  zone: zoneSchema.default('UTC'),
  inputs: jsonRecordSchema.default({}),
  /** Left out: `skip` where the expression names every hour, so that it goes on evenly; else `run_after`. */
  skipped_hour: skippedHourSchema.optional(),
  /** Left out: `both` where the expression names every hour, so that it goes on evenly; else `first`. */
  doubled_hour: doubledHourSchema.optional(),
  misfire: misfireSchema.default('once'),
  enabled: z.boolean().default(true),
});
/** Without the defaults of creation: a change that does not name a member leaves it as it is. */
export const scheduleUpdateSchema = z.strictObject({
  cron: cronSchema.optional(),
  zone: zoneSchema.optional(),
  /** All of them anew: sensitive ones cannot be read, so they are not carried over one by one. */
  inputs: jsonRecordSchema.optional(),
  skipped_hour: skippedHourSchema.optional(),
  doubled_hour: doubledHourSchema.optional(),
  misfire: misfireSchema.optional(),
  enabled: z.boolean().optional(),
});
export const scheduleSchema = z.object({
  id: idSchema,
  name: nameSchema,
  action: z.object({ id: idSchema, name: nameSchema }),
  cron: z.string(),
  zone: z.string(),
  inputs: z.record(
    z.string(),
    z.union([z.object({ value: jsonValueSchema }), z.object({ sensitive: z.literal(true) })]),
  ),
  skipped_hour: skippedHourSchema,
  doubled_hour: doubledHourSchema,
  misfire: misfireSchema,
  enabled: z.boolean(),
  /** Whom its runs are requested by: the principal that made it, as long as that may start the action. */
  acts_for: z.object({ id: idSchema, name: z.string() }),
  /** Null while it is paused. */
  next_fire_at: timeSchema.nullable(),
  /** The next ten, in epoch ms; of a paused one, those at which it would fire. */
  next_fire_times: z.array(timeSchema),
  last_fired_at: timeSchema.nullable(),
  /** The last run that it requested. */
  last_run: idSchema.nullable(),
  /** Why the last fire time led to no run, or to one that was refused; null again after one that did. */
  last_error: z.object({ at: timeSchema, code: z.string(), message: z.string() }).nullable(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export type Schedule = z.infer<typeof scheduleSchema>;
export const schedulePageSchema = pageOf(scheduleSchema);
