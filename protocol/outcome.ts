// What an agent says about an attempt that ended; it goes over the wire, into the journal, the store and the API.
import { z } from 'zod';
import { outcomeResults } from './states.ts';
import type { JsonValue } from './json.ts';

export const jsonValueSchema: z.ZodType<JsonValue> = z.custom<JsonValue>((value) => value !== undefined);

/**
 * An object of any JSON values whose member names come from people: `z.record` would drop `__proto__` without a word.
 * Its members are read by `Object.entries` and never looked up by name.
 */
export const jsonRecordSchema: z.ZodType<Readonly<Record<string, JsonValue>>> = z
  .custom<Readonly<Record<string, JsonValue>>>(
    (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && !JSON.isRawJSON(value),
    'expected an object',
  )
  .meta({ type: 'object', additionalProperties: true });

export const operationResultSchema = z.object({
  name: z.string().max(200),
  kind: z.enum(['run', 'http', 'status', 'container']),
  result: z.enum(['succeeded', 'failed', 'canceled', 'timed_out', 'skipped', 'interrupted']),
  /** True when `on_failure = "continue"` kept this failure from failing the run. */
  tolerated: z.boolean().default(false),
  code: z.string().max(64).optional(),
  message: z.string().max(4_096).optional(),
  exit_code: z.int().min(-1).max(255).optional(),
  signal: z.string().max(32).optional(),
  http_status: z.int().min(100).max(599).optional(),
  duration_ms: z.number().min(0),
});
export type OperationResult = z.infer<typeof operationResultSchema>;

export const outcomeSchema = z.object({
  result: z.enum(outcomeResults),
  /** A failure code; absent on success. */
  code: z.string().max(64).optional(),
  /** One or two sentences, already masked. */
  message: z.string().max(4_096).optional(),
  /** The exit code of the operation that decided; 127 where its program was not found. */
  exit_code: z.int().min(-1).max(255).optional(),
  signal: z.string().max(32).optional(),
  duration_ms: z.number().min(0),
  operations: z.array(operationResultSchema).max(200).default([]),
  outputs: z
    .record(z.string(), z.object({ value: jsonValueSchema.nullable(), sensitive: z.boolean() }))
    .default({}),
  /** True when output beyond the cap, or lost with a crash, is missing. */
  truncated: z.boolean().default(false),
  /** Processes or containers that a crash left behind and that could not be stopped. */
  survivors: z.array(z.string().max(200)).max(100).default([]),
});
export type Outcome = z.infer<typeof outcomeSchema>;
