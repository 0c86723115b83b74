// A store with an organization, secrets and an audit trail whose time a test moves by hand.
import { join } from 'node:path';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import type { Audit } from '../../../control-plane/audit/audit.ts';
import { sha256 } from '../../../control-plane/audit/event.ts';
import type { AuditEntry } from '../../../control-plane/audit/event.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../../control-plane/secrets/secrets.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { auditChainHash, auditDigest } from '../../../protocol/audit-chain.ts';
import { temporaryStore } from '../store/temporary.ts';

export interface Fixture {
  readonly store: Store & { readonly dataFolder: string };
  readonly secrets: Secrets;
  readonly audit: Audit;
  readonly clock: { now(): number; after(ms: number, wake: () => void): () => void };
  /** Moves time and fires what is due. */
  advance(ms: number): void;
  readonly problems: unknown[];
}

export const organization = '01900000-0000-7000-8000-000000000001';

export async function openAuditFixture(): Promise<Fixture> {
  let now = 1_800_000_000_000;
  const timers = new Map<object, { readonly at: number; readonly wake: () => void }>();
  const clock = {
    now: () => now,
    after: (ms: number, wake: () => void) => {
      const key = {};
      timers.set(key, { at: now + ms, wake });
      return () => void timers.delete(key);
    },
  };
  const store = await temporaryStore({ clock: clock.now });
  const provider = await openKeyring({ path: join(store.dataFolder, 'keyring.json'), clock });
  const secrets = await openSecrets(store, provider);
  await store.write([insertOrganization(store, organization)]);
  const problems: unknown[] = [];
  const audit = openAudit({ store, secrets, clock, report: (cause) => problems.push(cause) });
  const advance = (ms: number) => {
    now += ms;
    for (const [key, timer] of [...timers]) {
      if (timer.at > now) continue;
      timers.delete(key);
      timer.wake();
    }
  };
  return { store, secrets, audit, clock, advance, problems };
}

export function insertOrganization(store: Store, id: string) {
  return step(
    store.db.insertInto('organizations').values({
      id,
      name: `organization-${id.slice(-4)}`,
      created_at: 1,
      policy_revision: 1,
    }),
  );
}

export function entry(operation: string, changes: Partial<AuditEntry> = {}): AuditEntry {
  return {
    organization,
    principal: { id: '01900000-0000-7000-8000-00000000000a', name: 'ada', kind: 'user' },
    operation,
    permission: 'wayside.run.start',
    resource: 'projects/p/runs/r',
    result: 'allowed',
    decision: null,
    details: { sequence: 1 },
    request: { id: 'req-1' },
    ...changes,
  };
}

/** Makes the chain whole again, as somebody without the key for the codes can. */
export async function rechain({ store }: Fixture): Promise<void> {
  const rows = await store.db
    .selectFrom('audit_events')
    .selectAll()
    .where('position', 'is not', null)
    .orderBy('position')
    .execute();
  let previous = '';
  let position = 0;
  const places: RawBuilder<unknown>[] = [];
  for (const row of rows) {
    position += 1;
    const digest = auditDigest(sha256, row);
    const hash = auditChainHash(sha256, { position, previous, digest, mac: row.mac });
    places.push(
      sql`update audit_events set position = ${-position}, previous_hash = ${previous}, hash = ${hash} where id = ${row.id}`,
    );
    previous = hash;
  }
  places.push(
    sql`update audit_events set position = -position where position < 0`,
    sql`update audit_ends set position = ${position}, hash = ${previous}`,
  );
  await store.write(places.map((place) => step(place.compile(store.db))));
}
