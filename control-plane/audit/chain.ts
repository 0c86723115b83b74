// Gives positions: takes the events of one organization that have none, in the order in which they were committed,
// and links each to the one before.
import type { CompiledQuery } from 'kysely';
import { auditChainHash, auditDigest } from '../../protocol/audit-chain.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import { auditChainRowsMax } from '../../protocol/limits.ts';
import { commitOrder } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, Store } from '../store/store.ts';
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
  const place = compileOnce({ id: '', position: 0, previous: '', hash: '' }, (value) =>
    db
      .updateTable('audit_events')
      .set({ position: value.position, previous_hash: value.previous, hash: value.hash })
      .where('id', '=', value.id)
      .where('position', 'is', null),
  );
  const moveEnd = (organization: string, from: ChainPlace, to: ChainPlace) =>
    step(
      db
        .updateTable('organizations')
        .set({ audit_position: to.position, audit_hash: to.hash })
        .where('id', '=', organization)
        .where('audit_position', '=', from.position)
        .where('audit_hash', '=', from.hash),
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
      const steps: Step[] = [];
      let end = start;
      const ids = rows.map((row) => String(row['id']));
      const links = await linksOf(store, ids, fresh);
      for (const id of ids) {
        const link = links.get(id);
        // Pruned or taken away in between: the next round begins anew.
        if (link === undefined) return 0;
        const position = end.position + 1;
        const hash = auditChainHash(sha256, { position, previous: end.hash, ...link });
        const placed = place({ id, position, previous: end.hash, hash });
        steps.push(step(placed, { name: 'audit_event', exactly: 1 }));
        end = { position, hash };
      }
      try {
        await store.write([moveEnd(organization, start, end), ...steps]);
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
    .select(['audit_position', 'audit_hash'])
    .where('id', '=', organization)
    .compile();
}

/** Null where there is no such organization. */
export function placeOf(row: Readonly<Record<string, unknown>> | undefined): ChainPlace | null {
  if (row === undefined) return null;
  return { position: Number(row['audit_position']), hash: String(row['audit_hash']) };
}
