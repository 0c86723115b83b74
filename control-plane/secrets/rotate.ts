// Rotation of the keyring: a new active version, every sealed value rewrapped to it, and the old version destroyed
// only when nothing needs it any more.
import { sql } from 'kysely';
import { Failure } from '../../protocol/failures.ts';
import { keyringDestroyAgeMsMin, rewrapBatchRowsMax } from '../../protocol/limits.ts';
import { step } from '../store/step.ts';
import type { Store } from '../store/store.ts';
import { envelopePrefix } from './envelope.ts';
import type { KeyProvider } from './key-provider.ts';
import { rewrapAtRest } from './seal-at-rest.ts';

/** Every column that holds an envelope, with the column that identifies its row. A test looks for forgotten ones. */
export const sealedColumns = [
  { table: 'store_meta', key: 'name', column: 'value' },
  { table: 'signing_keys', key: 'kid', column: 'wrapped_private' },
  { table: 'variables', key: 'id', column: 'envelope' },
  { table: 'runs', key: 'id', column: 'envelope' },
  { table: 'schedules', key: 'id', column: 'envelope' },
  { table: 'oauth_artifacts', key: 'id', column: 'envelope' },
  { table: 'totp_seeds', key: 'id', column: 'seed' },
  { table: 'identity_providers', key: 'id', column: 'client_secret' },
] as const;
type SealedColumn = (typeof sealedColumns)[number];

export interface Rotation {
  /** The version that is active now. */
  readonly version: number;
  readonly rewrapped: number;
}

interface KeyringDeps {
  readonly store: Store;
  readonly provider: KeyProvider;
}

/**
 * Makes a new active version and rewraps everything to it. May be interrupted at any time and run again: values
 * under the old version stay readable.
 */
export async function rotateKeyring(deps: KeyringDeps): Promise<Rotation> {
  const version = await deps.provider.rotate();
  return { version, rewrapped: await rewrapAll(deps) };
}

/** Rewraps what is not under the active version, for a rotation that was interrupted. Resolves with the count. */
export async function rewrapAll(deps: KeyringDeps): Promise<number> {
  const version = await deps.provider.currentVersion();
  let count = 0;
  for (const column of sealedColumns) count += await rewrapColumn(deps, column, version);
  return count;
}

async function rewrapColumn(deps: KeyringDeps, place: SealedColumn, version: number): Promise<number> {
  const { store, provider } = deps;
  const [table, key, column] = [sql.table(place.table), sql.ref(place.key), sql.ref(place.column)];
  const ours = `${envelopePrefix(provider.name)}%`;
  const current = `${envelopePrefix(provider.name, version)}%`;
  let count = 0;
  let after = '';
  for (;;) {
    const rows = await store.read(
      sql<{ key: string; envelope: string }>`
        select ${key} as key, ${column} as envelope from ${table}
        where ${key} > ${after} and ${column} like ${ours} and ${column} not like ${current}
        order by ${key} limit ${rewrapBatchRowsMax}`.compile(store.db),
    );
    const last = rows.at(-1);
    if (last === undefined) return count;
    const unit = [];
    for (const row of rows) {
      const rewrapped = await rewrapAtRest(provider, row.envelope);
      // A value that was changed in the meantime is under the active version already.
      const update = sql`update ${table} set ${column} = ${rewrapped} where ${key} = ${row.key} and ${column} = ${row.envelope}`;
      unit.push(step(update.compile(store.db)));
    }
    const results = await store.write(unit);
    count += results.reduce((sum, result) => sum + result.changes, 0);
    after = last.key;
  }
}

/** How many stored values need each version that is not destroyed. */
export async function keyReferences(deps: KeyringDeps): Promise<ReadonlyMap<number, number>> {
  const { store, provider } = deps;
  const versions = (await provider.versions()).filter((version) => version.state !== 'destroyed');
  const references = new Map<number, number>();
  for (const { version } of versions) {
    const counts = await store.snapshot(
      sealedColumns.map((place) =>
        sql`select count(*) as count from ${sql.table(place.table)}
            where ${sql.ref(place.column)} like ${`${envelopePrefix(provider.name, version)}%`}`.compile(
          store.db,
        ),
      ),
    );
    references.set(
      version,
      counts.reduce((sum, [row]) => sum + Number(row?.['count']), 0),
    );
  }
  return references;
}

/**
 * Destroys a version for good. Throws `in_use` while a stored value needs it, and for some minutes after it was
 * the active one, because a value sealed by it may still be on its way into the store. Backups made before the
 * rotation hold values that open no more after this.
 */
export async function destroyKeyVersion(
  deps: KeyringDeps & { readonly clock: { now(): number } },
  version: number,
): Promise<void> {
  const found = (await deps.provider.versions()).find((candidate) => candidate.version === version);
  if (found === undefined) {
    throw new Failure('not_found', `The keyring has no version ${version}.`);
  }
  if (found.state === 'destroyed') return;
  const references = (await keyReferences(deps)).get(version) ?? 0;
  if (found.state === 'active' || references > 0) {
    throw new Failure(
      'in_use',
      `Version ${version} of the keyring is still needed by ${references} stored values. Rotate first.`,
      { details: { version, references } },
    );
  }
  const age = deps.clock.now() - (found.retiredAt ?? found.createdAt);
  if (age < keyringDestroyAgeMsMin) {
    throw new Failure(
      'in_use',
      `Version ${version} was active until moments ago. Retry in ${Math.ceil((keyringDestroyAgeMsMin - age) / 60_000)} minutes.`,
      { details: { version, retry_after_ms: keyringDestroyAgeMsMin - age } },
    );
  }
  await deps.provider.destroy(version);
}
