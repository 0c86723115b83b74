// A run writes a status entry about itself, by its token. The entry is stored in the run's own sequence of events, while
// the attempt that the token was made for goes on, and the first one is in the audit.
import type { z } from 'zod';
import type { RunStatusWrite, runStatusWrittenSchema } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { runEntriesMax, runEntriesPerMinuteMax } from '../../protocol/limits.ts';
import { auditByActor } from './audit-entry.ts';
import { readFacts } from './cancel.ts';
import { commitRun, decideAgain } from './commit.ts';
import type { Actor } from './contract.ts';
import type { RunParts } from './parts.ts';
import { attemptOf, runTokenEnded } from './run-token.ts';
import type { TokenUse } from './store-run-token.ts';

type Written = z.output<typeof runStatusWrittenSchema>;

export interface StatusWrite {
  readonly actor: Actor;
  readonly run: string;
  readonly body: RunStatusWrite;
  /** The token itself, which must not be in what it writes. */
  readonly bearer: string;
}

/**
 * Resolves when the entry is durable. Throws `run_token_ended`, `too_many_requests`, `limit_exceeded`, and
 * `invalid_request` where the entry holds the token. Not idempotent: an entry that is sent again is there twice.
 */
export async function writeStatus(parts: RunParts, wish: StatusWrite): Promise<Written> {
  refuseToken(wish);
  const of = { run: wish.run, attempt: attemptOf(wish.actor.caller) };
  return decideAgain(async () => {
    const use = await readUse(parts, of);
    refuseExcess(use);
    return store(parts, wish, of, use.used_at === null);
  });
}

interface Attempt {
  readonly run: string;
  readonly attempt: number;
}

/** Nobody masks what is written this way, and a token in it would stand where others read. */
function refuseToken({ body, bearer }: StatusWrite): void {
  if (!stringifyJson(body).includes(bearer)) return;
  throw new Failure('invalid_request', 'The entry holds the token that it is written with. Leave that out.');
}

async function readUse(parts: RunParts, of: Attempt): Promise<TokenUse> {
  const [rows] = await parts.store.glance([parts.reads.tokenUse(of)]);
  const use = (rows as readonly TokenUse[] | undefined)?.[0];
  if (use === undefined || use.good !== 1) throw runTokenEnded();
  return use;
}

function refuseExcess({ entries, minute_entries, minute_left }: TokenUse): void {
  if (entries >= runEntriesMax) {
    throw new Failure('limit_exceeded', `One attempt writes ${runEntriesMax} entries at the most.`);
  }
  if (minute_left > 0 && minute_entries >= runEntriesPerMinuteMax) {
    const seconds = Math.ceil(minute_left / 1_000);
    throw new Failure(
      'too_many_requests',
      `Wait ${seconds} s, then go on; a run writes ${runEntriesPerMinuteMax} entries a minute.`,
      { details: { retry_after_ms: seconds * 1_000 } },
    );
  }
}

async function store(parts: RunParts, wish: StatusWrite, of: Attempt, first: boolean): Promise<Written> {
  const { actor, body } = wish;
  const { message, values, status } = body;
  const data = { operation: '', message, values, status, origin: 'token' };
  const run = await readFacts(parts, of.run);
  const results = await commitRun(parts, {
    ...of,
    steps: [actor.guard, parts.sql.countEntry({ ...of, first: first ? 1 : 0 }), parts.sql.takeEntry(of)],
    events: [{ event: { kind: 'status', data } }],
    audit: first
      ? [auditByActor(actor, { ...run, attempt: of.attempt }, { operation: 'run.token.use' })]
      : [],
  });
  return { ...of, seq: Number(results[2]?.rows[0]?.['last_event']) };
}
