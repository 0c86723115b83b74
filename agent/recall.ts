// Shows the server its own signed word about runs that it has lost (rules.md 12): those in hand, and those that are
// over, by their numbers first, so that only what was really lost goes over the wire.
import { base64url } from 'jose';
import { z } from 'zod';
import type { AgentFrame } from '../protocol/frames.ts';
import { pastRunsMax } from '../protocol/limits.ts';
import { decodeJson } from './json-bytes.ts';
import type { JournalFold } from './journal-records.ts';
import type { AttemptNamed, WorkRun } from './work-state.ts';

type Shown = Extract<AgentFrame, { type: 'shown' }>;

const payloadSchema = z.object({ store_incarnation: z.string() });

/** Whose signature it is, is for the server to check; here it only says which life of the store it belongs to. */
export function storeIncarnationOf(intent: string): string | null {
  try {
    const payload = base64url.decode(intent.split('.')[1] ?? '');
    return payloadSchema.parse(decodeJson(payload)).store_incarnation;
  } catch {
    return null;
  }
}

/** Keys of the runs in hand whose intents are of one of these lives. */
export function showableRuns(
  fold: Pick<JournalFold, 'runs'>,
  earlier: readonly string[],
): ReadonlySet<string> {
  const lives = new Set(earlier);
  const keys = new Set<string>();
  if (lives.size === 0) return keys;
  for (const [key, { intent }] of fold.runs) {
    if (intent !== null && lives.has(storeIncarnationOf(intent) ?? '')) keys.add(key);
  }
  return keys;
}

/** What a `shown` says of a run in hand. Null where its intent is not in the journal. */
export function showInHand(fold: Pick<JournalFold, 'runs'>, run: WorkRun, ackedSeq: number): Shown | null {
  const entry = fold.runs.get(run.key);
  if (entry === undefined || entry.intent === null) return null;
  return {
    type: 'shown',
    run: run.run,
    attempt: run.attempt,
    intent: entry.intent,
    state: stateOf(run),
    acked_seq: ackedSeq,
    begun_at: entry.begunAt,
    ended_at: entry.endedAt,
    outcome: null,
  };
}

function stateOf({ phase }: WorkRun): Shown['state'] {
  if (phase === 'running') return 'begun';
  return phase === 'ending' || phase === 'ended' ? 'ended' : 'accepted';
}

/** Goes through the past runs of earlier lives, a few at a time, once for each life of the store that asks. */
export class Recall {
  readonly #fold: Pick<JournalFold, 'kept'>;
  #store: string | null = null;
  #done: string | null = null;
  #waiting: AttemptNamed[] = [];

  constructor(fold: Pick<JournalFold, 'kept'>) {
    this.#fold = fold;
  }

  /** The first frame of a session; null where there is nothing to tell. */
  begin(store: string, earlier: readonly string[]): AgentFrame | null {
    this.#store = store;
    this.#waiting = [];
    if (this.#done === store) return null;
    const lives = new Set(earlier);
    for (const [run, { attempt, intent }] of this.#fold.kept) {
      if (lives.has(storeIncarnationOf(intent) ?? '')) this.#waiting.push({ run, attempt });
    }
    return this.next();
  }

  /** The next frame, when the one before it was answered. */
  next(): AgentFrame | null {
    const runs = this.#waiting.splice(0, pastRunsMax);
    if (runs.length > 0) return { type: 'past', runs };
    this.#done = this.#store;
    return null;
  }

  /** What the compact log has kept of a run; null where that is nothing. */
  show(named: AttemptNamed): Shown | null {
    const kept = this.#fold.kept.get(named.run);
    if (kept?.attempt !== named.attempt) return null;
    return {
      type: 'shown',
      run: named.run,
      attempt: named.attempt,
      intent: kept.intent,
      state: 'ended',
      acked_seq: kept.lastSeq,
      begun_at: kept.begunAt,
      ended_at: kept.endedAt,
      outcome: kept.outcome,
    };
  }
}
