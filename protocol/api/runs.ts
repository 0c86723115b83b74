// Requests and answers about runs: `/v1/projects/{p}/actions/{a}/runs`, `/v1/projects/{p}/runs`, `/v1/runs/{id}`.
import { z } from 'zod';
import { idSchema, nameSchema } from '../ids.ts';
import { stringifyJson } from '../json.ts';
import {
  lapsedAttemptsMax,
  priorityMax,
  runExpiresMsMax,
  statusMessageCharactersMax,
  statusValuesBytesMax,
} from '../limits.ts';
import { jsonRecordSchema, jsonValueSchema, outcomeSchema } from '../outcome.ts';
import { runStates } from '../states.ts';
import { pageOf, pageQuerySchema, timeSchema } from './page.ts';

export const runStartSchema = z.strictObject({
  inputs: jsonRecordSchema.default({}),
  priority: z.int().min(0).max(priorityMax).default(0),
  /** How long it may wait for an agent; then it is `expired`. */
  expires_in_ms: z.int().min(1_000).max(runExpiresMsMax).optional(),
  /** Runs only this definition; otherwise the digest is frozen when an agent is chosen. */
  digest: z.string().optional(),
  reason: z.string().max(500).optional(),
});
export type RunStart = z.infer<typeof runStartSchema>;

/** Of a run that a restored database had lost, put back from its signed intent and its agent's word (rules.md 12). */
export const rebuiltSchema = z.object({
  at: timeSchema,
  /** What nobody has any more: its inputs and reason, output that was stored, details of its outcome. */
  missing: z.array(z.enum(['inputs', 'reason', 'output', 'details'])),
});

export const runSchema = z.object({
  id: idSchema,
  project: z.object({ id: idSchema, name: nameSchema }),
  action: z.object({ id: idSchema, name: nameSchema }),
  group: z.object({ id: idSchema, name: nameSchema }),
  operation: nameSchema,
  /** Counts the runs of one action from 1. */
  sequence: z.int().min(1),
  state: z.enum(runStates),
  priority: z.int(),
  attempt: z
    .int()
    .min(0)
    .max(lapsedAttemptsMax + 1_000),
  agent: z.object({ id: idSchema, name: nameSchema }).nullable(),
  /** Since when the agent of a running run has not been heard of. */
  agent_unreachable_since: timeSchema.nullable(),
  requested_by: z.object({ id: z.string(), name: z.string() }),
  reason: z.string().nullable(),
  definition_digest: z.string().nullable(),
  /** Sensitive ones show as `{"sensitive": true}` and are never readable. */
  inputs: z.record(
    z.string(),
    z.union([z.object({ value: jsonValueSchema }), z.object({ sensitive: z.literal(true) })]),
  ),
  outcome: outcomeSchema.nullable(),
  /** Why a run ended where no agent's outcome says it: a failure code and a sentence. */
  failure: z.object({ code: z.string(), message: z.string() }).nullable(),
  /** A late report about an indeterminate run, beside the verdict. */
  evidence: outcomeSchema.nullable(),
  /** Not null where the row was lost with a restore and put back. */
  rebuilt: rebuiltSchema.nullable(),
  cancel_requested_at: timeSchema.nullable(),
  queued_at: timeSchema,
  offered_at: timeSchema.nullable(),
  started_at: timeSchema.nullable(),
  ended_at: timeSchema.nullable(),
  expires_at: timeSchema,
  /** When its output went, where it had any; its other events stay as long as it does. */
  output_pruned_at: timeSchema.nullable(),
  /** The number of its last event. */
  last_event: z.int().min(0),
});
export type Run = z.infer<typeof runSchema>;
export const runPageSchema = pageOf(runSchema);

export const runListQuerySchema = pageQuerySchema.extend({
  state: z.enum([...runStates, 'active', 'ended']).optional(),
  action: z.string().optional(),
});

/** One event of a run. `seq` is given at commit, from 1 without gaps, over all kinds together, until output goes. */
export const runEventSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('state'),
    seq: z.int().min(1),
    at: timeSchema,
    attempt: z.int(),
    state: z.enum(runStates),
    agent: z.object({ id: idSchema, name: nameSchema }).nullable(),
    code: z.string().nullable(),
    message: z.string().nullable(),
  }),
  z.object({
    kind: z.literal('output'),
    seq: z.int().min(1),
    at: timeSchema,
    attempt: z.int(),
    operation: z.string(),
    stream: z.enum(['stdout', 'stderr', 'system']),
    /** base64 of masked bytes. */
    bytes: z.string(),
  }),
  z.object({
    kind: z.literal('status'),
    seq: z.int().min(1),
    at: timeSchema,
    attempt: z.int(),
    operation: z.string(),
    message: z.string(),
    values: z.record(z.string(), jsonValueSchema),
    status: z.enum(['running', 'complete', 'error']).nullable(),
    /** Written by what the run does itself, with the run's token, and masked by nobody. */
    origin: z.literal('token').optional(),
  }),
  z.object({
    kind: z.literal('progress'),
    seq: z.int().min(1),
    at: timeSchema,
    attempt: z.int(),
    operation: z.string(),
    operation_kind: z.enum(['run', 'http', 'status', 'container']),
    state: z.enum(['begun', 'succeeded', 'failed', 'canceled', 'timed_out', 'skipped']),
    exit_code: z.int().nullable(),
    duration_ms: z.number().nullable(),
  }),
  z.object({
    kind: z.literal('cancel'),
    seq: z.int().min(1),
    at: timeSchema,
    attempt: z.int(),
    by: z.string(),
    reason: z.string(),
  }),
]);
export type RunEvent = z.infer<typeof runEventSchema>;

/** `after` resumes behind that event; on a stream `Last-Event-ID` does the same and wins. */
export const runEventsQuerySchema = z.object({
  after: z.coerce.number().int().min(0).default(0),
  limit: z.coerce.number().int().min(1).max(1_000).default(500),
});
export const runEventPageSchema = z.object({
  items: z.array(runEventSchema),
  /** True when the run has ended and these are its last events. */
  complete: z.boolean(),
});

const statusValuesSchema = jsonRecordSchema.refine(
  (values) => stringifyJson(values).length <= statusValuesBytesMax,
  `the values have ${statusValuesBytesMax} characters of JSON at the most`,
);

/** A status entry that a run writes about itself. */
export const runStatusWriteSchema = z.strictObject({
  message: z.string().min(1).max(statusMessageCharactersMax),
  values: statusValuesSchema.default({}),
  status: z.enum(['running', 'complete', 'error']).nullable().default(null),
});
export type RunStatusWrite = z.infer<typeof runStatusWriteSchema>;

/** The number of the event that it became. */
export const runStatusWrittenSchema = z.object({
  run: idSchema,
  attempt: z.int().min(1),
  seq: z.int().min(1),
});

export const runCancelSchema = z.strictObject({ reason: z.string().max(500).optional() });
/** `canceled` where nothing had started, `cancel_requested` where the agent must stop it. */
export const runCancelAnswerSchema = z.object({
  result: z.enum(['canceled', 'cancel_requested']),
  run: runSchema,
});
export const runReleaseSchema = z.strictObject({ reason: z.string().min(1).max(500) });
