// What the journal says, record by record, and what it says as a whole: which runs are in hand, which are past.
import { z } from 'zod';
import { idSchema } from '../protocol/ids.ts';
import { intentCharactersMax, keptIntentsMax } from '../protocol/limits.ts';
import { outcomeSchema } from '../protocol/outcome.ts';
import type { Outcome } from '../protocol/outcome.ts';
import { KeptIntents } from './kept-intents.ts';
import type { KeptIntent } from './kept-intents.ts';

const attempt = z.int().min(1);
const runFields = { run: idSchema, attempt };
/** Epoch ms of the agent's wall clock. */
const at = z.int();

const spawnedFields = {
  operation: z.string(),
  pid: z.int().nullable(),
  group: z.int().nullable(),
  start_time: z.string().nullable(),
  container: z.string().nullable(),
  boot_id: z.string().nullable(),
};

const recordSchemas = [
  /** A process opened the journal; `counter` continues the one before it, also in a rewritten file. */
  z.object({ type: z.literal('opened'), at, counter: z.int().min(0) }),
  z.object({
    type: z.literal('accepted'),
    ...runFields,
    at,
    /** `group/operation`. */
    action: z.string(),
    digest: z.string(),
    idempotent: z.boolean(),
    /** The server's signed word, to be shown to a server whose database went back (rules.md 12). */
    intent: z.string().max(intentCharactersMax).optional(),
  }),
  z.object({ type: z.literal('begun'), ...runFields, at }),
  z.object({ type: z.literal('spawned'), ...runFields, ...spawnedFields }),
  z.object({ type: z.literal('ended'), ...runFields, at, outcome: outcomeSchema, last_seq: z.int().min(0) }),
  /** Nobody waits for this attempt any more: its end was acknowledged, or it was never ours. */
  z.object({
    type: z.literal('past'),
    ...runFields,
    at,
    verdict: z.string(),
    action: z.string().optional(),
    begun_at: z.int().optional(),
    intent: z.string().max(intentCharactersMax).optional(),
    outcome: outcomeSchema.optional(),
    ended_at: z.int().optional(),
    last_seq: z.int().min(0).optional(),
  }),
  /** Tells whether the disk can be written again. */
  z.object({ type: z.literal('probe') }),
] as const;
const recordSchema = z.discriminatedUnion('type', recordSchemas);
export type JournalRecord = z.infer<typeof recordSchema>;

/** A process or container of an earlier process of this agent. */
export type SpawnedRecord = Extract<JournalRecord, { type: 'spawned' }>;

/** An attempt that the journal has not yet done with. */
export interface JournalRun {
  readonly run: string;
  readonly attempt: number;
  /** Empty where the record that names it was lost. */
  readonly action: string;
  readonly digest: string;
  readonly idempotent: boolean;
  readonly intent: string | null;
  readonly state: 'accepted' | 'begun' | 'ended';
  readonly acceptedAt: number | null;
  readonly begunAt: number | null;
  readonly spawned: readonly SpawnedRecord[];
  readonly outcome: Outcome | null;
  readonly endedAt: number | null;
  readonly lastSeq: number;
}

/** The highest attempt of a run that is over for this agent: what must not be accepted again (rules.md 13). */
export interface PastRun {
  readonly attempt: number;
  readonly at: number;
  readonly verdict: string;
  readonly action: string | undefined;
  readonly begunAt: number | undefined;
}

/** Null for anything that is not a record. */
export function parseRecord(value: unknown): JournalRecord | null {
  const result = recordSchema.safeParse(value);
  return result.success ? result.data : null;
}

export function runKey({ run, attempt: number }: { readonly run: string; readonly attempt: number }): string {
  return `${run}/${number}`;
}

/** The sum of the journal. `apply` is idempotent: a record may come twice, also after what followed it. */
export class JournalFold {
  readonly runs = new Map<string, JournalRun>();
  readonly past = new Map<string, PastRun>();
  /** Of the newest past runs. */
  readonly kept = new KeptIntents(keptIntentsMax);

  apply(record: JournalRecord): void {
    switch (record.type) {
      case 'opened':
      case 'probe':
        return;
      case 'past':
        this.#forget(record);
        return;
      case 'accepted':
      case 'begun':
      case 'spawned':
      case 'ended':
        if ((this.past.get(record.run)?.attempt ?? 0) < record.attempt) this.#advance(record);
    }
  }

  #advance(record: Extract<JournalRecord, { type: 'accepted' | 'begun' | 'spawned' | 'ended' }>): void {
    const key = runKey(record);
    const run = this.runs.get(key) ?? unknownRun(record);
    // The first outcome wins, whatever is written behind it (rules.md 10).
    if (run.state === 'ended') return;
    this.runs.set(key, advance(run, record));
  }

  #forget(record: Extract<JournalRecord, { type: 'past' }>): void {
    const run = this.runs.get(runKey(record));
    this.runs.delete(runKey(record));
    const known = this.past.get(record.run);
    if (known !== undefined && known.attempt > record.attempt) return;
    this.#keep(record, run);
    this.past.set(record.run, {
      attempt: record.attempt,
      at: record.at,
      verdict: record.verdict,
      action: record.action ?? run?.action,
      begunAt: record.begun_at ?? run?.begunAt ?? undefined,
    });
  }

  #keep(record: Extract<JournalRecord, { type: 'past' }>, run: JournalRun | undefined): void {
    const intent = record.intent ?? run?.intent;
    const outcome = record.outcome ?? run?.outcome;
    if (intent === undefined || intent === null || outcome === undefined || outcome === null) return;
    this.kept.put(record.run, {
      attempt: record.attempt,
      intent,
      outcome: withoutDetails(outcome),
      begunAt: record.begun_at ?? run?.begunAt ?? null,
      endedAt: record.ended_at ?? run?.endedAt ?? null,
      lastSeq: record.last_seq ?? run?.lastSeq ?? 0,
    });
  }

  /** The records that say the same in as few words, oldest knowledge first; past runs from before `since` are left out. */
  *compact(since: number): Generator<JournalRecord> {
    for (const run of this.runs.values()) yield* recordsOf(run);
    for (const [run, past] of this.past) {
      if (past.at < since) continue;
      yield {
        type: 'past',
        run,
        attempt: past.attempt,
        at: past.at,
        verdict: past.verdict,
        ...(past.action === undefined ? {} : { action: past.action }),
        ...(past.begunAt === undefined ? {} : { begun_at: past.begunAt }),
        ...keptFields(this.kept.get(run), past.attempt),
      };
    }
  }

  /** Drops what `compact` leaves out. */
  prune(since: number): void {
    for (const [run, past] of this.past) {
      if (past.at >= since) continue;
      this.past.delete(run);
      this.kept.delete(run);
    }
  }
}

function keptFields(
  kept: KeptIntent | undefined,
  attemptNumber: number,
): Partial<Extract<JournalRecord, { type: 'past' }>> {
  if (kept?.attempt !== attemptNumber) return {};
  const { intent, outcome, endedAt, lastSeq } = kept;
  return { intent, outcome, last_seq: lastSeq, ...(endedAt === null ? {} : { ended_at: endedAt }) };
}

const keptMessageCharactersMax = 500;

/** Five thousand of them lie in memory. */
function withoutDetails(outcome: Outcome): Outcome {
  const { message, operations, outputs } = outcome;
  const short = message?.slice(0, keptMessageCharactersMax);
  const isBare = operations.length === 0 && Object.keys(outputs).length === 0 && short === message;
  if (isBare) return outcome;
  return { ...outcome, operations: [], outputs: {}, ...(short === undefined ? {} : { message: short }) };
}

function unknownRun({
  run,
  attempt: number,
}: {
  readonly run: string;
  readonly attempt: number;
}): JournalRun {
  return {
    run,
    attempt: number,
    action: '',
    digest: '',
    idempotent: false,
    intent: null,
    state: 'accepted',
    acceptedAt: null,
    begunAt: null,
    spawned: [],
    outcome: null,
    endedAt: null,
    lastSeq: 0,
  };
}

function advance(
  run: JournalRun,
  record: Extract<JournalRecord, { type: 'accepted' | 'begun' | 'spawned' | 'ended' }>,
): JournalRun {
  switch (record.type) {
    case 'accepted': {
      const { action, digest, idempotent } = record;
      // Also written when a `go` had become too old while `begun` was on its way to the disk: nothing was started.
      const intent = record.intent ?? run.intent;
      return {
        ...run,
        action,
        digest,
        idempotent,
        intent,
        state: 'accepted',
        acceptedAt: record.at,
        begunAt: null,
      };
    }
    case 'begun':
      return { ...run, state: 'begun', begunAt: record.at };
    case 'spawned':
      return { ...run, state: 'begun', spawned: [...run.spawned, record] };
    case 'ended':
      return {
        ...run,
        state: 'ended',
        outcome: record.outcome,
        endedAt: record.at,
        lastSeq: record.last_seq,
      };
  }
}

function* recordsOf(run: JournalRun): Generator<JournalRecord> {
  const { run: id, attempt: number } = run;
  if (run.acceptedAt !== null) {
    const { action, digest, idempotent, intent, acceptedAt } = run;
    yield {
      type: 'accepted',
      run: id,
      attempt: number,
      at: acceptedAt,
      action,
      digest,
      idempotent,
      ...(intent === null ? {} : { intent }),
    };
  }
  if (run.state === 'begun' || run.begunAt !== null) {
    yield { type: 'begun', run: id, attempt: number, at: run.begunAt ?? 0 };
  }
  yield* run.spawned;
  if (run.outcome !== null) {
    const { outcome, lastSeq } = run;
    yield { type: 'ended', run: id, attempt: number, at: run.endedAt ?? 0, outcome, last_seq: lastSeq };
  }
}
