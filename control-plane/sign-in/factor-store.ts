// The SQL of what people sign in with: passwords, seeds of one-time codes, passkeys, recovery codes.
import type { CompiledQuery } from 'kysely';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import type { PasskeysTable, TotpSeedsTable } from '../store/tables-sign-in.ts';

/** What a principal can show. */
export interface Factors {
  readonly password: string | null;
  readonly passwordChangedAt: number | null;
  readonly totp: TotpSeedsTable | null;
  readonly pendingTotp: TotpSeedsTable | null;
  readonly passkeys: readonly PasskeysTable[];
  /** Hashes of those that were not used. */
  readonly recoveryCodes: readonly string[];
}

/** One snapshot; for a principal that does not exist it reads the same and finds nothing. */
export async function readFactors(store: Store, principal: string): Promise<Factors> {
  const { db } = store;
  const [passwords, seeds, passkeys, codes] = await store.snapshot([
    db.selectFrom('passwords').selectAll().where('principal', '=', principal).compile(),
    db.selectFrom('totp_seeds').selectAll().where('principal', '=', principal).compile(),
    db.selectFrom('passkeys').selectAll().where('principal', '=', principal).orderBy('created_at').compile(),
    db
      .selectFrom('recovery_codes')
      .select('hash')
      .where('principal', '=', principal)
      .where('used_at', 'is', null)
      .compile(),
  ]);
  const password = passwords?.[0] as { hash: string; changed_at: number } | undefined;
  const totp = (seeds ?? []) as unknown as readonly TotpSeedsTable[];
  return {
    password: password?.hash ?? null,
    passwordChangedAt: password?.changed_at ?? null,
    totp: totp.find(({ state }) => state === 'active') ?? null,
    pendingTotp: totp.find(({ state }) => state === 'pending') ?? null,
    passkeys: (passkeys ?? []) as unknown as readonly PasskeysTable[],
    recoveryCodes: (codes ?? []).map(({ hash }) => String(hash)),
  };
}

/** Whether a password alone is not enough. */
export function hasSecondFactor({ totp, passkeys }: Pick<Factors, 'totp' | 'passkeys'>): boolean {
  return totp !== null || passkeys.length > 0;
}

export function putPassword(
  store: Store,
  row: { principal: string; hash: string; changed_at: number },
): Step {
  return step(
    store.db
      .insertInto('passwords')
      .values(row)
      .onConflict((conflict) =>
        conflict.column('principal').doUpdateSet({ hash: row.hash, changed_at: row.changed_at }),
      ),
  );
}

/** The same password at another cost; not where it was changed in the meantime. */
export function rehashPassword(store: Store, to: { principal: string; was: string; hash: string }): Step {
  const { principal, was, hash } = to;
  return step(
    store.db
      .updateTable('passwords')
      .set({ hash })
      .where('principal', '=', principal)
      .where('hash', '=', was),
  );
}

export function insertPendingSeed(
  store: Store,
  row: { id: string; principal: string; seed: string; created_at: number },
): readonly Step[] {
  return [
    deleteSeeds(store, row.principal, 'pending'),
    step(store.db.insertInto('totp_seeds').values({ ...row, state: 'pending', last_step: 0 })),
  ];
}

/** The pending seed takes the place of the active one; `last_step` is that of the code that proved it. */
export function activateSeed(
  store: Store,
  seed: { readonly id: string; readonly principal: string; readonly lastStep: number },
): readonly Step[] {
  const activate = store.db
    .updateTable('totp_seeds')
    .set({ state: 'active', last_step: seed.lastStep })
    .where('id', '=', seed.id)
    .where('state', '=', 'pending');
  return [deleteSeeds(store, seed.principal, 'active'), step(activate, { name: 'pending_seed', exactly: 1 })];
}

function deleteSeeds(store: Store, principal: string, state: 'pending' | 'active'): Step {
  return step(
    store.db.deleteFrom('totp_seeds').where('principal', '=', principal).where('state', '=', state),
  );
}

/** Fails where this step, or a later one, was accepted already: of two requests with one code, one gets in. */
export function useTotpStep(store: Store, seed: { readonly id: string; readonly step: number }): Step {
  const update = store.db
    .updateTable('totp_seeds')
    .set({ last_step: seed.step })
    .where('id', '=', seed.id)
    .where('last_step', '<', seed.step);
  return step(update, { name: 'code_used', exactly: 1 });
}

export function selectPasskey(store: Store, id: string): CompiledQuery<PasskeysTable> {
  return store.db.selectFrom('passkeys').selectAll().where('id', '=', id).compile();
}

export function insertPasskey(store: Store, row: PasskeysTable): Step {
  return step(store.db.insertInto('passkeys').values(row));
}

/** Fails where another request has counted on in the meantime. */
export function usePasskey(
  store: Store,
  key: { readonly id: string; readonly was: number; readonly counter: number; readonly at: number },
): Step {
  const update = store.db
    .updateTable('passkeys')
    .set({ counter: key.counter, last_used_at: key.at })
    .where('id', '=', key.id)
    .where('counter', '=', key.was);
  return step(update, { name: 'passkey_used', exactly: 1 });
}

export function deletePasskey(store: Store, key: { readonly id: string; readonly principal: string }): Step {
  const query = store.db
    .deleteFrom('passkeys')
    .where('id', '=', key.id)
    .where('principal', '=', key.principal);
  return step(query, { name: 'passkey', exactly: 1 });
}

/** New ones take the place of all that were there. */
export function replaceRecoveryCodes(
  store: Store,
  codes: { readonly principal: string; readonly hashes: readonly string[]; readonly at: number },
): readonly Step[] {
  const { principal, hashes, at: created_at } = codes;
  const rows = hashes.map((hash) => ({ hash, principal, created_at, used_at: null }));
  return [
    step(store.db.deleteFrom('recovery_codes').where('principal', '=', principal)),
    step(store.db.insertInto('recovery_codes').values(rows)),
  ];
}

/** Fails where it was used already. */
export function useRecoveryCode(
  store: Store,
  code: { readonly principal: string; readonly hash: string; readonly at: number },
): Step {
  const update = store.db
    .updateTable('recovery_codes')
    .set({ used_at: code.at })
    .where('hash', '=', code.hash)
    .where('principal', '=', code.principal)
    .where('used_at', 'is', null);
  return step(update, { name: 'code_used', exactly: 1 });
}

/** Everything that is asked for beside a password. */
export function removeSecondFactors(store: Store, principal: string): readonly Step[] {
  return [
    removeTotp(store, principal),
    removeAllPasskeys(store, principal),
    removeRecoveryCodes(store, principal),
  ];
}

export function removeTotp(store: Store, principal: string): Step {
  return step(store.db.deleteFrom('totp_seeds').where('principal', '=', principal));
}

function removeAllPasskeys(store: Store, principal: string): Step {
  return step(store.db.deleteFrom('passkeys').where('principal', '=', principal));
}

function removeRecoveryCodes(store: Store, principal: string): Step {
  return step(store.db.deleteFrom('recovery_codes').where('principal', '=', principal));
}
