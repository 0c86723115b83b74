// The figures that only the database has: read when somebody asks for them, and again after some seconds at the
// earliest, however often they are asked for.
import { sql } from 'kysely';
import type { Store } from '../store/store.ts';
import { metricsGroupsMax } from './metric-names.ts';

export interface GroupName {
  readonly id: string;
  readonly project: string;
  readonly group: string;
}

export interface Reading {
  /** Epoch ms. */
  readonly at: number;
  /** By group id: how many wait, and the id of the one that was pressed first. */
  readonly queued: ReadonlyMap<string, { readonly depth: number; readonly oldest: string }>;
  readonly held: ReadonlyMap<string, number>;
  readonly unchained: { readonly count: number; readonly oldestAt: number | null };
  /** The groups that get labels of their own, the oldest first. */
  readonly groups: readonly GroupName[];
  /** Active agents by group id. */
  readonly enrolled: ReadonlyMap<string, number>;
}

export interface Readings {
  /** The newest there is; waits for a fresh one for `waitMsMax` at the most. Null before the first. */
  current(): Promise<Reading | null>;
  /** Whether the last try went well. */
  isUp(): boolean;
}

export interface ReadingsDeps {
  readonly store: Pick<Store, 'db' | 'engine' | 'snapshot'>;
  /** Epoch ms. */
  readonly now: () => number;
  /** Milliseconds that only go on. */
  readonly elapsed: () => number;
  readonly report: (cause: unknown) => void;
  readonly everyMs?: number;
  readonly slowEveryMs?: number;
  readonly waitMsMax?: number;
}

const everyMsDefault = 5_000;
/** What changes rarely and is read by whole tables. */
const slowEveryMsDefault = 60_000;
const waitMsMaxDefault = 2_000;
/** A reading that takes long is made less often, so that it never takes more than a twentieth of a connection's time. */
const restAfter = 20;

type Rows = readonly Readonly<Record<string, unknown>>[];
type SlowReading = Pick<Reading, 'groups' | 'enrolled'>;

export function openReadings(deps: ReadingsDeps): Readings {
  const { everyMs = everyMsDefault, slowEveryMs = slowEveryMsDefault, waitMsMax = waitMsMaxDefault } = deps;
  const queries = queriesOf(deps.store);
  let last: Reading | null = null;
  let slow: { readonly reading: SlowReading; readonly since: number } | null = null;
  let nextAt = -Infinity;
  let up = true;
  let reading: Promise<void> | null = null;

  const read = async (): Promise<void> => {
    const begun = deps.elapsed();
    const isSlowDue = slow === null || begun - slow.since >= slowEveryMs;
    try {
      const rows = await deps.store.snapshot(isSlowDue ? [...queries.fast, ...queries.slow] : queries.fast);
      if (isSlowDue) slow = { reading: slowReadingOf(rows.slice(queries.fast.length)), since: begun };
      last = { at: deps.now(), ...fastReadingOf(rows), ...(slow?.reading ?? slowReadingOf([])) };
      up = true;
    } catch (cause) {
      if (up) deps.report(cause);
      up = false;
    }
    nextAt = deps.elapsed() + Math.max(everyMs, (deps.elapsed() - begun) * restAfter);
  };
  return {
    async current() {
      if (reading === null && deps.elapsed() >= nextAt) {
        reading = read().finally(() => {
          reading = null;
        });
      }
      if (reading !== null) await within(reading, waitMsMax);
      return last;
    },
    isUp: () => up,
  };
}

async function within(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const bound = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, bound]);
  clearTimeout(timer);
}

function queriesOf({ db }: Pick<Store, 'db'>) {
  const queued = db
    .selectFrom('runs')
    // Both from the index of the claim alone; ids are in the order of their presses.
    .select((e) => ['group_id', e.fn.countAll<number>().as('depth'), e.fn.min('id').as('oldest')])
    .where('state', '=', sql.lit('queued'))
    .groupBy('group_id');
  const held = db
    .selectFrom('runs')
    .select((e) => ['state', e.fn.countAll<number>().as('count')])
    // Word for word the condition of the index.
    .where(sql<boolean>`(state = 'offered' or state = 'running' or state = 'indeterminate')`)
    .where('released_by', 'is', null)
    .groupBy('state');
  const unchained = db
    .selectFrom('audit_events')
    .select((e) => [e.fn.countAll<number>().as('count'), e.fn.min('at').as('oldest')])
    .where('position', 'is', null);
  const groups = db
    .selectFrom('groups')
    .innerJoin('projects', 'projects.id', 'groups.project')
    .select(['groups.id as id', 'groups.name as group', 'projects.name as project'])
    .orderBy('groups.id')
    .limit(metricsGroupsMax);
  const enrolled = db
    .selectFrom('agent_groups')
    .innerJoin('agents', 'agents.id', 'agent_groups.agent')
    .select((e) => ['agent_groups.group_id as group_id', e.fn.countAll<number>().as('count')])
    .where('agents.status', '=', sql.lit('active'))
    .groupBy('agent_groups.group_id');
  return {
    fast: [queued.compile(), held.compile(), unchained.compile()],
    slow: [groups.compile(), enrolled.compile()],
  };
}

function fastReadingOf([queued = [], held = [], unchained = []]: readonly Rows[]): Pick<
  Reading,
  'queued' | 'held' | 'unchained'
> {
  const [waiting] = unchained;
  const oldest = waiting?.['oldest'] ?? null;
  return {
    queued: new Map(
      queued.map((row) => [
        String(row['group_id']),
        { depth: Number(row['depth']), oldest: String(row['oldest']) },
      ]),
    ),
    held: new Map(held.map((row) => [String(row['state']), Number(row['count'])])),
    unchained: {
      count: Number(waiting?.['count'] ?? 0),
      oldestAt: oldest === null ? null : Number(oldest),
    },
  };
}

function slowReadingOf([groups = [], enrolled = []]: readonly Rows[]): SlowReading {
  return {
    groups: groups.map((row) => ({
      id: String(row['id']),
      project: String(row['project']),
      group: String(row['group']),
    })),
    enrolled: new Map(enrolled.map((row) => [String(row['group_id']), Number(row['count'])])),
  };
}
