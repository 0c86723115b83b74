// Gives positions: takes the events of one organization that have none, in the order in which they were committed,
// and links each to the one before.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { auditChainHash, auditDigest } from '../../protocol/audit-chain.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import { auditChainRowsMax } from '../../protocol/limits.ts';
import { commitOrder } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import { sha256 } from './event.ts';
import type { FreshLinks, Link } from './fresh.ts';

export interface Chain {
  /** Organizations that have events without a position. */
  waiting(): Promise<readonly string[]>;
  /**
   * Chains one batch and resolves with how many events that were. Another process that chains the same organization
   * makes the guard on its end fail, and then nothing of this batch is kept.
   */
  extend(organization: string): Promise<number>;
  /** The end of an organization's chain; null where there is no such organization. */
  end(organization: string): Promise<ChainPlace | null>;
}

export function openChain(store: Store, fresh?: FreshLinks): Chain {
  const { db } = store;
  const moveEnd = (organization: string, from: ChainPlace, to: ChainPlace) =>
    step(
      db
        .insertInto('audit_ends')
        .values({ organization, ...to })
        .onConflict((conflict) =>
          conflict
            .column('organization')
            .doUpdateSet({ ...to })
            .where('audit_ends.position', '=', from.position)
            .where('audit_ends.hash', '=', from.hash),
        ),
      { name: 'audit_end', exactly: 1 },
    );
  return {
    waiting: async () => {
      const query = db
        .selectFrom('audit_events')
        .select('organization')
        .distinct()
        .where('position', 'is', null);
      return (await store.read(query.compile())).map((row) => row.organization);
    },
    extend: async (organization) => {
      const [ends, rows] = await store.snapshot([
        selectEnd(store, organization),
        selectUnchained(store, organization),
      ]);
      const start = placeOf(ends?.[0]);
      if (start === null || rows === undefined || rows.length === 0) return 0;
      const ids = rows.map((row) => String(row['id']));
      const links = await linksOf(store, ids, fresh);
      const places: Place[] = [];
      let end = start;
      for (const id of ids) {
        const link = links.get(id);
        // Taken away in between: the next round begins anew.
        if (link === undefined) return 0;
        const position = end.position + 1;
        const hash = auditChainHash(sha256, { position, previous: end.hash, ...link });
        places.push([id, position, end.hash, hash]);
        end = { position, hash };
      }
      const placed = step(placeAll(store, places), { name: 'audit_events', exactly: places.length });
      try {
        await store.write([moveEnd(organization, start, end), placed]);
      } catch (cause) {
        if (cause instanceof GuardFailed) return 0;
        throw cause;
      }
      for (const id of ids) fresh?.drop(id);
      return ids.length;
    },
    end: async (organization) => placeOf((await store.read(selectEnd(store, organization)))[0]),
  };
}

/** Id, position, hash before, hash. */
type Place = readonly [string, number, string, string];

/** Gives all of a batch their places by one statement. One that has a place already is left as it is. */
function placeAll(store: Store, places: readonly Place[]): CompiledQuery {
  const list = JSON.stringify(places);
  const [rows, column] =
    store.engine === 'sqlite'
      ? [
          sql`json_each(${list}) as given`,
          (at: number) => sql`json_extract(given.value, ${sql.lit(`$[${at}]`)})`,
        ]
      : [
          sql`jsonb_array_elements(cast(${list} as jsonb)) as given(value)`,
          (at: number) => sql`given.value ->> ${sql.lit(at)}`,
        ];
  return sql`update audit_events set position = cast(${column(1)} as bigint),
      previous_hash = ${column(2)}, hash = ${column(3)}
    from ${rows} where audit_events.id = ${column(0)} and audit_events.position is null`.compile(store.db);
}

/** Ids of the next batch, in the order in which they were committed. */
function selectUnchained(store: Store, organization: string): CompiledQuery {
  return store.db
    .selectFrom('audit_events')
    .select('id')
    .where('organization', '=', organization)
    .where('position', 'is', null)
    .orderBy(commitOrder(store.engine))
    .limit(auditChainRowsMax)
    .compile();
}

/** From memory where this process has written it, else from its row. */
async function linksOf(
  store: Store,
  ids: readonly string[],
  fresh: FreshLinks | undefined,
): Promise<ReadonlyMap<string, Link>> {
  const links = new Map<string, Link>();
  const others: string[] = [];
  for (const id of ids) {
    const link = fresh?.of(id);
    if (link === undefined) others.push(id);
    else links.set(id, link);
  }
  if (others.length === 0) return links;
  const query = store.db.selectFrom('audit_events').selectAll().where('id', 'in', others);
  for (const row of await store.read(query.compile())) {
    links.set(row.id, { digest: auditDigest(sha256, row), mac: row.mac });
  }
  return links;
}

/** The end of an organization's chain, as a row for `placeOf`. */
export function selectEnd(
  store: Store,
  organization: string,
): CompiledQuery<Readonly<Record<string, unknown>>> {
  return store.db
    .selectFrom('organizations')
    .leftJoin('audit_ends', 'audit_ends.organization', 'organizations.id')
    .select((build) => [
      build.fn.coalesce('audit_ends.position', sql.lit(0)).as('position'),
      build.fn.coalesce('audit_ends.hash', sql.lit('')).as('hash'),
    ])
    .where('organizations.id', '=', organization)
    .compile();
}

/** Null where there is no such organization. */
export function placeOf(row: Readonly<Record<string, unknown>> | undefined): ChainPlace | null {
  if (row === undefined) return null;
  return { position: Number(row['position']), hash: String(row['hash']) };
}
