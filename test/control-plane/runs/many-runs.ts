// Runs by the thousand, written through the store as a press and its agent write them, but many at once.
import { randomUUIDv7 } from 'node:crypto';
import { sql } from 'kysely';
import { jsonRows } from '../../../control-plane/runs/lists.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { outcome } from './world.ts';

export interface ManyRuns {
  readonly action: {
    readonly id: string;
    readonly project: string;
    readonly name: string;
    readonly group_id: string;
    readonly operation: string;
  };
  readonly organization: string;
  /** Sequence number of the first. */
  readonly first: number;
  readonly count: number;
  /** When all of them ended, epoch ms. */
  readonly endedAt: number;
  /** What each of them printed. */
  readonly output: string;
}

const eventsEach = 5;

/** Each has five events, one of them output; resolves with their ids when they are stored. */
export async function storeRuns(store: Store, of: ManyRuns): Promise<readonly string[]> {
  const { action, organization, first, count, endedAt, output } = of;
  const ids = Array.from({ length: count }, () => randomUUIDv7());
  const { rows, at, text } = jsonRows(store.engine, JSON.stringify(ids.map((id) => ({ id }))));
  const integer = (value: number) => sql`cast(${value} as bigint)`;
  const words = (value: string) => sql`cast(${value} as text)`;
  const runs = sql`
    insert into runs (id, organization, project, action, action_name, group_id, operation, sequence, state, priority,
      turn, attempt, lapsed, excluded_agents, requested_by, requester_name, definition_digest, pinned_digest,
      idempotent, timeout_ms, visible_inputs, outcome, settled, store_incarnation, last_wire_seq, last_event,
      queued_at, offered_at, started_at, ended_at, expires_at)
    select ${text('id')}, ${words(organization)}, ${words(action.project)}, ${words(action.id)},
      ${words(action.name)}, ${words(action.group_id)}, ${words(action.operation)}, ${integer(first)} + ${at},
      'succeeded', 0, 0, 1, 0, '{}', ${words(organization)}, 'somebody', ${words(`sha256:${'0'.repeat(64)}`)}, 0,
      0, 60000, '{}', ${words(JSON.stringify(outcome('succeeded')))}, 0, ${words(store.incarnation)}, 1, ${integer(eventsEach)},
      ${integer(endedAt)}, ${integer(endedAt)}, ${integer(endedAt)}, ${integer(endedAt)}, ${integer(endedAt)}
    from ${rows} as given`;
  const events = sql`
    insert into run_events (run, seq, at, kind, attempt, wire_seq, data)
    select ${text('id')}, numbers.n, ${integer(endedAt)}, case when numbers.n = 4 then 'output' else 'state' end, 1,
      null, case when numbers.n = 4 then ${words(JSON.stringify({ stream: 'stdout', data: output }))} else '{"state":"running","agent":null,"code":null,"message":null}' end
    from ${rows} as given cross join (select 1 as n union all select 2 union all select 3 union all select 4
      union all select 5) as numbers`;
  await store.write([step(runs.compile(store.db)), step(events.compile(store.db))]);
  return ids;
}
