// Walks an organization's events in order and compares each with its code, its hash and the one before it.
import { auditVerifyRowsMax } from '../../protocol/limits.ts';
import { macMatches } from '../secrets/mac-keys.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { ChainEnd } from './chain.ts';
import { auditGenesisHash, chainHash, factsText } from './event.ts';

interface WalkDeps {
  readonly store: Store;
  readonly mac: Mac;
}

/** How many events were right, and what is wrong with the next one. */
export interface Walk {
  readonly events: number;
  readonly problem: string | null;
}

/** From the first event to `end`. `expected` has the hashes that signed heads name, by position. */
export async function walkChain(
  deps: WalkDeps,
  options: {
    readonly organization: string;
    readonly end: ChainEnd;
    readonly expected: ReadonlyMap<number, string>;
  },
): Promise<Walk> {
  const { organization, end, expected } = options;
  let at: ChainEnd = { position: 0, hash: auditGenesisHash };
  while (at.position < end.position) {
    const rows: readonly AuditEventsTable[] = await deps.store.read(
      deps.store.db
        .selectFrom('audit_events')
        .selectAll()
        .where('organization', '=', organization)
        .where('position', '>', at.position)
        .where('position', '<=', end.position)
        .orderBy('position')
        .limit(auditVerifyRowsMax)
        .compile(),
    );
    if (rows.length === 0) {
      return { events: at.position, problem: `events ${at.position + 1} to ${end.position} are missing` };
    }
    for (const row of rows) {
      const problem = problemOfEvent(deps.mac, row, at, expected);
      if (problem !== null) return { events: at.position, problem };
      at = { position: at.position + 1, hash: row.hash ?? '' };
    }
  }
  if (at.hash !== end.hash) {
    return { events: at.position, problem: `the chain does not end with event ${end.position} as recorded` };
  }
  const later = Math.max(0, ...expected.keys());
  if (later > end.position) {
    return {
      events: at.position,
      problem: `the trail was cut off: a signed head names event ${later}, and it ends with ${end.position}`,
    };
  }
  return { events: at.position, problem: null };
}

function problemOfEvent(
  mac: Mac,
  row: AuditEventsTable,
  before: ChainEnd,
  expected: ReadonlyMap<number, string>,
): string | null {
  const position = before.position + 1;
  if (row.position !== position) return `event ${position} is missing`;
  if (!macMatches(mac, factsText(row), row.mac))
    return `event ${position} (${row.id}) was edited or inserted`;
  if (row.previous_hash !== before.hash)
    return `event ${position} (${row.id}) does not follow the one before it`;
  if (row.hash !== chainHash(row, { position, previous: before.hash })) {
    return `event ${position} (${row.id}) has another hash than its content`;
  }
  const signed = expected.get(position);
  if (signed !== undefined && signed !== row.hash) {
    return `event ${position} (${row.id}) is not the one that was signed: the trail was written anew`;
  }
  return null;
}

/** Events that wait for their position: only their authentication codes can be checked. */
export async function checkUnchained(deps: WalkDeps, organization: string): Promise<Walk> {
  let events = 0;
  let after = '';
  for (;;) {
    const rows: readonly AuditEventsTable[] = await deps.store.read(
      deps.store.db
        .selectFrom('audit_events')
        .selectAll()
        .where('organization', '=', organization)
        .where('position', 'is', null)
        .where('id', '>', after)
        .orderBy('id')
        .limit(auditVerifyRowsMax)
        .compile(),
    );
    for (const row of rows) {
      if (!macMatches(deps.mac, factsText(row), row.mac)) {
        return { events, problem: `the event ${row.id}, not yet chained, was edited or inserted` };
      }
      events += 1;
      after = row.id;
    }
    if (rows.length < auditVerifyRowsMax) return { events, problem: null };
  }
}
