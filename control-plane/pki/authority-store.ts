// The SQL of authorities: which there are, and the steps from one state to the next.
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { PkiAuthoritiesTable } from '../store/tables-pki.ts';

export type AuthorityRow = PkiAuthoritiesTable;
export type AuthorityState = AuthorityRow['state'];

/** Oldest first. */
export function selectAuthorities(store: Store): CompiledQuery<AuthorityRow> {
  return store.db
    .selectFrom('pki_authorities')
    .selectAll()
    .orderBy('created_at')
    .orderBy('id')
    .compile() as unknown as CompiledQuery<AuthorityRow>;
}

/** Small enough to look at every few seconds: tells whether another process changed an authority, a key or a role. */
export function selectSigns(store: Store): readonly CompiledQuery[] {
  return [
    store.db
      .selectFrom('pki_authorities')
      .select(['id', 'state', 'certificate', 'cross_certificate', 'crl_next_update'])
      .orderBy('id')
      .compile(),
    store.db.selectFrom('signing_keys').select(['kid', 'state']).orderBy('kid').compile(),
    store.db.selectFrom('pki_roles').select(['name', 'revision']).orderBy('name').compile(),
  ];
}

export function insertAuthority(
  store: Store,
  row: Pick<
    AuthorityRow,
    'id' | 'level' | 'state' | 'name' | 'kid' | 'certificate' | 'cross_certificate' | 'parent' | 'not_after'
  >,
): Step {
  const now = nowMs(store.engine);
  return step(
    store.db.insertInto('pki_authorities').values({
      ...row,
      renews_agents: 1,
      crl: null,
      crl_next_update: null,
      created_at: now,
      activated_at: row.state === 'active' ? now : null,
      retired_at: null,
    }),
  );
}

/** Guard `no_authorities`: holds before the very first start alone. */
export function noAuthorities(store: Store): Step {
  return step(store.db.selectFrom('pki_authorities').select('id'), { name: 'no_authorities', exactly: 0 });
}

/** Guard `authority_state`: another process was faster. */
export function moveAuthority(
  store: Store,
  move: {
    readonly id: string;
    readonly from: readonly AuthorityState[];
    readonly to: Exclude<AuthorityState, 'requested'>;
  },
): Step {
  const now = nowMs(store.engine);
  return step(
    store.db
      .updateTable('pki_authorities')
      .set({
        state: move.to,
        ...(move.to === 'active' ? { activated_at: now } : {}),
        ...(move.to === 'retired' ? { retired_at: now } : {}),
      })
      .where('id', '=', move.id)
      .where('state', 'in', move.from),
    { name: 'authority_state', exactly: 1 },
  );
}

/** Agents are left to renew at two thirds of their certificates' life. */
export function leaveAgents(store: Store, id: string): Step {
  return step(store.db.updateTable('pki_authorities').set({ renews_agents: 0 }).where('id', '=', id));
}

/** The certificate of an authority that has waited for one. */
export function setCertificate(
  store: Store,
  of: {
    readonly id: string;
    readonly certificate: string;
    readonly parent: string;
    readonly notAfter: number;
  },
): Step {
  return step(
    store.db
      .updateTable('pki_authorities')
      .set({ state: 'next', certificate: of.certificate, parent: of.parent, not_after: of.notAfter })
      .where('id', '=', of.id)
      .where('state', '=', 'requested'),
    { name: 'authority_state', exactly: 1 },
  );
}

export function setCrossCertificate(
  store: Store,
  of: { readonly id: string; readonly certificate: string },
): Step {
  return step(
    store.db
      .updateTable('pki_authorities')
      .set({ cross_certificate: of.certificate })
      .where('id', '=', of.id)
      .where('state', '=', 'next'),
    { name: 'authority_state', exactly: 1 },
  );
}

/**
 * The list that is given out for an authority whose key is not here; `crl` is DER in base64. Guard `authority_state`:
 * one that is retired has had its last list, and gets no key back.
 */
export function setStoredList(
  store: Store,
  of: { readonly id: string; readonly crl: string | null; readonly nextUpdate: number | null },
): Step {
  return step(
    store.db
      .updateTable('pki_authorities')
      .set({ crl: of.crl, crl_next_update: of.nextUpdate })
      .where('id', '=', of.id)
      .where('state', '!=', 'retired'),
    { name: 'authority_state', exactly: 1 },
  );
}
