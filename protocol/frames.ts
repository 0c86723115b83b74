// Every frame of the agent protocol `wayside.v1`, both directions: one JSON object in one text message.
// No frame carries an identity that the server believes; that is the certificate's (rules.md 5).
import { z } from 'zod';
import { trustAnchorsSchema } from './api/enrollment.ts';
import { Failure } from './failures.ts';
import { idSchema, nameSchema } from './ids.ts';
import { parseJson, stringifyJson } from './json.ts';
import {
  agentDefinitionsMax,
  agentGroupsMax,
  auditHeadCharactersMax,
  descriptionCharactersMax,
  earlierIncarnationsMax,
  frameBytesMax,
  headConflictsMax,
  intentCharactersMax,
  pastRunsMax,
  slotsMax,
  statusMessageCharactersMax,
} from './limits.ts';
import { jsonValueSchema, outcomeSchema } from './outcome.ts';

export const subprotocol = 'wayside.v1';

const attemptSchema = z.int().min(1).max(1_000_000);
const seqSchema = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
const runFields = { run: idSchema, attempt: attemptSchema };
const codeSchema = z.string().regex(/^[a-z_]{1,64}$/);
const textSchema = z.string().max(statusMessageCharactersMax);

/** What an agent says of one action it defines: never a command, a URL or an environment. */
export const definitionSchema = z.object({
  group: nameSchema,
  operation: nameSchema,
  description: z.string().max(descriptionCharactersMax).default(''),
  /** `sha256:` and 64 hex digits over the canonical form (hcl.md, section 2). */
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
  timeout_ms: z.int().min(1),
  idempotent: z.boolean(),
  concurrency: z.int().min(1).max(slotsMax).nullable(),
  /** True when the file was let in by `compatibility = "hcp"` (rules.md 25). */
  compatibility: z.boolean().default(false),
  /** True where its runs are to get a token of their own, with which they write status entries (`run.token`). */
  token: z.boolean().optional(),
  /** JSON Schema (draft 2020-12) of the inputs; null where the action declares none. */
  inputs: z.record(z.string(), z.unknown()).nullable(),
});
export type Definition = z.infer<typeof definitionSchema>;

const definitionFields = {
  groups: z.array(nameSchema).max(agentGroupsMax),
  definitions: z.array(definitionSchema).max(agentDefinitionsMax),
  /** Diagnostics of a file that was refused on reload; the old definitions stay. */
  load_errors: z.array(z.string().max(2_000)).max(100).default([]),
};

const headSchema = z.string().max(auditHeadCharactersMax);

/** Two signed heads that cannot both be of one trail (rules.md 32); `received` is null where none was shown any more. */
export const headConflictSchema = z.object({
  kind: z.enum(['went_back', 'forked']),
  kept: headSchema,
  received: headSchema.nullable(),
});
export type HeadConflict = z.infer<typeof headConflictSchema>;

/** What the agent's journal holds about a run when it connects. */
export const runInHandSchema = z.object({
  ...runFields,
  /** accepted = waits for go; begun = going on; ended = the end is not acknowledged; interrupted = begun by a process that died. */
  state: z.enum(['accepted', 'begun', 'ended', 'interrupted']),
  last_seq: seqSchema,
  /** What was acknowledged up to there is not with the agent any more; a store that went back has lost it. */
  acked_seq: seqSchema.optional(),
});
export type RunInHand = z.infer<typeof runInHandSchema>;

const helloSchema = z.object({
  type: z.literal('hello'),
  protocol: z.literal(1),
  version: z.string().max(64),
  /** Random per process, kept in memory; `go` is good only for the process that accepted (rules.md 3). */
  incarnation: idSchema,
  /** Never goes back; a copied or restored state folder shows itself by it (rules.md 13). */
  journal_counter: seqSchema,
  concurrency: z.int().min(1).max(slotsMax),
  /** The agent's wall clock, epoch ms. */
  now: z.int(),
  /** True when children run as the agent's own user (rules.md 27). */
  shares_user: z.boolean(),
  runs: z.array(runInHandSchema).max(10_000),
  /** The newest head of the audit trail that the agent keeps, and contradictions that it has not told yet. */
  audit: z
    .object({ head: headSchema.nullable(), conflicts: z.array(headConflictSchema).max(headConflictsMax) })
    .optional(),
  ...definitionFields,
});

const agentFrames = [
  helloSchema,
  z.object({ type: z.literal('definitions'), ...definitionFields }),
  /** Grants the server the right to offer up to `slots` runs; replaces the earlier grant. */
  z.object({ type: z.literal('poll'), slots: z.int().min(0).max(slotsMax) }),
  z.object({ type: z.literal('accept'), ...runFields, incarnation: idSchema }),
  z.object({ type: z.literal('refuse'), ...runFields, code: codeSchema, message: textSchema }),
  z.object({
    type: z.literal('output'),
    ...runFields,
    seq: seqSchema,
    operation: z.string().max(200),
    stream: z.enum(['stdout', 'stderr', 'system']),
    /** base64 of masked bytes; a flush is up to 64 KiB or 100 ms. */
    bytes: z.base64().max(96 * 1024),
  }),
  z.object({
    type: z.literal('status'),
    ...runFields,
    seq: seqSchema,
    operation: z.string().max(200),
    message: textSchema,
    values: z.record(z.string(), jsonValueSchema),
    status: z.enum(['running', 'complete', 'error']).nullable(),
  }),
  z.object({
    type: z.literal('progress'),
    ...runFields,
    seq: seqSchema,
    operation: z.string().max(200),
    kind: z.enum(['run', 'http', 'status', 'container']),
    state: z.enum(['begun', 'succeeded', 'failed', 'canceled', 'timed_out', 'skipped']),
    exit_code: z.int().min(-1).max(255).optional(),
    duration_ms: z.number().min(0).optional(),
  }),
  /** `last_seq` is the last sequence number before the end, 0 where nothing was sent. */
  z.object({ type: z.literal('end'), ...runFields, last_seq: seqSchema, outcome: outcomeSchema }),
  /** Runs that are over for the agent, whose intents are of an earlier life of the store (rules.md 12). */
  z.object({ type: z.literal('past'), runs: z.array(z.object(runFields)).max(pastRunsMax) }),
  /** The server's own word about a run that it has lost, and what became of it. */
  z.object({
    type: z.literal('shown'),
    ...runFields,
    /** As it came with the offer. */
    intent: z.string().max(intentCharactersMax),
    /** Without an outcome, what has begun or ended is reported as usual once the row is there again. */
    state: z.enum(['accepted', 'begun', 'ended']),
    acked_seq: seqSchema,
    /** Epoch ms of the agent's clock. */
    begun_at: z.int().nullable(),
    ended_at: z.int().nullable(),
    /** Of a run that is over: what the compact log has kept of it. */
    outcome: outcomeSchema.nullable(),
  }),
  z.object({ type: z.literal('heartbeat'), journal_counter: seqSchema, now: z.int() }),
  z.object({ type: z.literal('drain') }),
] as const;
export const agentFrameSchema = z.discriminatedUnion('type', agentFrames);
export type AgentFrame = z.infer<typeof agentFrameSchema>;

const serverFrames = [
  z.object({
    type: z.literal('welcome'),
    /** Allocated durably at connect, higher than all before (rules.md 1). */
    session: z.int().min(1),
    agent: z.object({ id: idSchema, name: nameSchema }),
    organization: idSchema,
    project: idSchema,
    /** Epoch ms of the database's clock. */
    now: z.int(),
    heartbeat_ms: z.int().min(100),
    /** Names in the agent's file that the control plane does not know, or that this agent may not serve. */
    unknown_groups: z.array(nameSchema),
    known_groups: z.array(nameSchema),
    /** JWS by the data-plane CA over the JWK set that verifies intents. */
    intent_keys: z.string().max(64 * 1024),
    trust_anchors: trustAnchorsSchema.optional(),
    /** Of the store; it changes when a backup is restored (rules.md 12). */
    store_incarnation: idSchema.optional(),
    /** Earlier ones, newest first: intents of these may be shown. */
    earlier_incarnations: z.array(idSchema).max(earlierIncarnationsMax).optional(),
    /** JWS by the data-plane CA over the JWK set that verifies heads of the audit trail. */
    audit_keys: z
      .string()
      .max(64 * 1024)
      .optional(),
    /** The newest signed head of the organization's audit trail; null before the first. */
    audit_head: headSchema.nullable().optional(),
    /** What the server has of the runs that `hello` named; forgotten = the agent may drop it. */
    runs: z.array(z.object({ ...runFields, have_seq: seqSchema, known: z.boolean() })),
  }),
  z.object({
    type: z.literal('offer'),
    ...runFields,
    /** Compact JWS (RFC 7515), ES256, over the canonical bytes of the intent. */
    intent: z.string().max(intentCharactersMax),
    /**
     * Flattened JSON JWE (RFC 7516, section 7.2.2) of the inputs, sealed to this agent's key; where none of them is
     * sensitive, `{"clear": …}` (seal.ts, clearInputs).
     */
    inputs: z.record(z.string(), z.unknown()),
  }),
  z.object({ type: z.literal('go'), ...runFields, incarnation: idSchema }),
  z.object({ type: z.literal('stale'), ...runFields }),
  z.object({
    type: z.literal('cancel'),
    ...runFields,
    reason: z.enum(['requested', 'timeout', 'revoked']),
    grace_ms: z.int().min(0),
  }),
  /** Everything up to `seq` is durable; `ended` says that the end is too, `pruned` that nobody waits for it. */
  z.object({
    type: z.literal('ack'),
    ...runFields,
    seq: seqSchema,
    ended: z.boolean().default(false),
    pruned: z.boolean().default(false),
    /** The newest signed head of the audit trail, once for each connection. */
    head: headSchema.optional(),
  }),
  /** Of the runs of a `past`: those that the server has lost, and asks to be shown. */
  z.object({ type: z.literal('show'), runs: z.array(z.object(runFields)).max(pastRunsMax) }),
  /** The row of a shown run is there again; reports go on behind `have_seq`. */
  z.object({ type: z.literal('rebuilt'), ...runFields, have_seq: seqSchema }),
  /** May only ask the agent to renew its certificate (rules.md 20). */
  z.object({ type: z.literal('rotate') }),
  z.object({ type: z.literal('drain') }),
  z.object({
    type: z.literal('reject'),
    code: codeSchema,
    message: textSchema,
    retry_after_ms: z.int().min(0).nullable(),
  }),
] as const;
export const serverFrameSchema = z.discriminatedUnion('type', serverFrames);
export type ServerFrame = z.infer<typeof serverFrameSchema>;

/** WebSocket close codes in the private range (RFC 6455, section 7.4.2), each with the failure it stands for. */
export const closeCodes = {
  protocol_error: 4400,
  certificate_rejected: 4403,
  session_replaced: 4409,
  agent_revoked: 4410,
  frame_too_large: 4413,
  not_your_run: 4420,
  quarantined: 4423,
  unavailable: 4503,
  /** This process ends, others may be there: connect anew at once. */
  going_away: 4504,
} as const;

export function encodeFrame(frame: AgentFrame | ServerFrame): string {
  return stringifyJson(frame);
}

/** Parses what an agent sent. Throws `frame_too_large`, `unknown_frame` or `protocol_error`. */
export function parseAgentFrame(text: string): AgentFrame {
  return parseFrame(agentFrameSchema, text);
}

/** Parses what the server sent. Throws as `parseAgentFrame` does. */
export function parseServerFrame(text: string): ServerFrame {
  return parseFrame(serverFrameSchema, text);
}

function parseFrame<Frame>(schema: z.ZodType<Frame>, text: string): Frame {
  if (text.length > frameBytesMax) {
    throw new Failure('frame_too_large', `A frame may have ${frameBytesMax} bytes at the most.`);
  }
  const result = schema.safeParse(parseJson(text));
  if (result.success) return result.data;
  const unknown = result.error.issues.some(
    (issue) => issue.code === 'invalid_union' && issue.path[0] === 'type',
  );
  throw new Failure(unknown ? 'unknown_frame' : 'protocol_error', z.prettifyError(result.error));
}
