// Gives positions: takes the events of one organization that have none, in the order in which they were committed,
// and links each to the one before.
import type { CompiledQuery } from 'kysely';
import { auditChainHash, auditDigest } from '../../protocol/audit-chain.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import { auditChainRowsMax } from '../../protocol/limits.ts';
import { commitOrder } from '../store/dialect.ts';
import { compileOnce, step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Step, Store } from '../store/store.ts';
import { sha256 } from './event.ts';

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

export function openChain(store: Store): Chain {
  const { db } = store;
  const place = compileOnce({ id: '', position: 0, previous: '', hash: '' }, (value) =>
    db
      .updateTable('audit_events')
      .set({ position: value.position, previous_hash: value.previous, hash: value.hash })
      .where('id', '=', value.id)
      .where('position', 'is', null),
  );
  const unchained = (organization: string) =>
    db
      .selectFrom('audit_events')
      .selectAll()
      .where('organization', '=', organization)
      .where('position', 'is', null)
      .orderBy(commitOrder(store.engine))
      .limit(auditChainRowsMax);
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
        unchained(organization).compile(),
      ]);
      const start = placeOf(ends?.[0]);
      if (start === null || rows === undefined || rows.length === 0) return 0;
      const steps: Step[] = [];
      let end = start;
      for (const row of rows as unknown as readonly AuditEventsTable[]) {
        const position = end.position + 1;
        const digest = auditDigest(sha256, row);
        const hash = auditChainHash(sha256, { position, previous: end.hash, digest, mac: row.mac });
        const placed = place({ id: row.id, position, previous: end.hash, hash });
        steps.push(step(placed, { name: 'audit_event', exactly: 1 }));
        end = { position, hash };
      }
      try {
        await store.write([moveEnd(organization, start, end), ...steps]);
      } catch (cause) {
        if (cause instanceof GuardFailed) return 0;
        throw cause;
      }
      return rows.length;
    },
    end: async (organization) => placeOf((await store.read(selectEnd(store, organization)))[0]),
  };
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
