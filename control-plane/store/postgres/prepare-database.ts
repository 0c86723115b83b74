// Makes a database ours: checks that it is, brings it to the newest schema, and knows its identity.
import { randomBytes, randomUUID } from 'node:crypto';
import { Failure } from '../../../protocol/failures.ts';
import { storeMarksKeptMs } from '../../../protocol/limits.ts';
import { migrationChecksum, migrationsTable, pendingMigrations } from '../migrate.ts';
import type { AppliedMigration, Migration } from '../migrate.ts';
import { movedAwayMeta, movedAwaySentence } from '../notes.ts';
import type { UniqueIndexes } from './failure.ts';
import { markPrefix } from './find-outcome.ts';
import type { Link } from './link.ts';
import { postgresDdl } from './translate.ts';

/** Of all advisory locks in the database, the one for its schema and identity. */
export const lockOfSchema = `select pg_advisory_xact_lock(hashtextextended('wayside schema', 0))`;

/** Held by every control plane for as long as it is connected, so that nothing moves the data away under one. */
export const lockOfControlPlanes = `hashtextextended('wayside control planes', 0)`;

/** Throws `store_locked` while the data is being moved. */
export async function joinControlPlanes(link: Link): Promise<void> {
  const { rows } = await link.send(`select pg_try_advisory_lock_shared(${lockOfControlPlanes}) as joined`);
  if (rows[0]?.['joined'] === 1) return;
  throw new Failure('store_locked', 'The data of this database is being moved. Retry when that is done.');
}

const versionMin = 150_000;

export interface StoreIdentity {
  readonly incarnation: string;
  readonly trustDomain: string;
}

/** Throws `invalid_configuration` for a server that is too old. */
export function assertVersion(number: number, text: string): void {
  if (number >= versionMin) return;
  throw new Failure(
    'invalid_configuration',
    `The database is PostgreSQL ${text}, and Wayside needs 15 or newer. Upgrade it, or name another one in DATABASE_URL.`,
  );
}

/**
 * In one transaction and under a lock, so that of several control planes that start together one migrates and the
 * others find it done. The trust domain is fixed when the database is first made.
 */
export async function prepareDatabase(link: Link, trustDomain: string | null): Promise<StoreIdentity> {
  const { rows } = await link.send(
    `select current_setting('server_version_num')::int as number, current_setting('server_version') as text`,
  );
  assertVersion(Number(rows[0]?.['number']), String(rows[0]?.['text']));
  return inTransaction(link, async () => {
    await link.send(lockOfSchema);
    await assertOurs(link);
    await migrate(link);
    await assertHere(link);
    await forgetMarks(link);
    const identity = {
      incarnation: await metaOf(link, 'incarnation', () => randomUUID()),
      trustDomain: await metaOf(
        link,
        'trust_domain',
        () => trustDomain ?? `${randomBytes(6).toString('hex')}.wayside.internal`,
      ),
    };
    if (trustDomain !== null && trustDomain !== identity.trustDomain) {
      throw new Failure(
        'invalid_configuration',
        `The trust domain of this database is ${identity.trustDomain}, fixed when it was first used, and cannot ` +
          `become ${trustDomain}: every certificate names it. Leave the setting out, or use a new database.`,
      );
    }
    return identity;
  });
}

/** Of control planes that were killed. */
async function forgetMarks(link: Link): Promise<void> {
  await link.send(
    `delete from store_meta where name like '${markPrefix}%'
       and cast(split_part(value, ' ', 2) as bigint) < $1`,
    [Date.now() - storeMarksKeptMs],
  );
}

/** Throws `conflict` for data that has moved away. */
export async function assertHere(link: Link): Promise<void> {
  const { rows } = await link.send('select value from store_meta where name = $1', [movedAwayMeta]);
  const value = rows[0]?.['value'];
  if (typeof value === 'string') throw new Failure('conflict', movedAwaySentence(value));
}

/** Commits what `act` did, or rolls it back and throws what it threw. */
export async function inTransaction<T>(link: Link, act: () => Promise<T>): Promise<T> {
  await link.send('begin');
  try {
    const result = await act();
    await link.commit();
    return result;
  } catch (cause) {
    await link.send('rollback').catch(() => undefined);
    throw cause;
  }
}

async function assertOurs(link: Link): Promise<void> {
  const { rows } = await link.send(
    `select relname as name from pg_class
      where relnamespace = current_schema()::regnamespace and relkind in ('r', 'p') order by relname`,
  );
  const names = new Set(rows.map(({ name }) => String(name)));
  if (names.size === 0 || (names.has('store_meta') && names.has('migrations'))) return;
  throw new Failure(
    'invalid_configuration',
    `The database already holds tables of another program (${[...names].slice(0, 3).join(', ')}). Make one for Wayside ` +
      'alone, or a schema: options=-c%20search_path%3Dwayside.',
  );
}

/** What was applied, in order; empty in a database that was never used. */
export async function appliedMigrations(
  link: Link,
): Promise<readonly (AppliedMigration & { applied_at: number })[]> {
  const { rows } = await link.send(`select to_regclass('migrations')::text as found`);
  if (rows[0]?.['found'] === null) return [];
  const applied = await link.send(
    'select number, name, checksum, applied_at from migrations order by number',
  );
  return applied.rows as unknown as readonly (AppliedMigration & { applied_at: number })[];
}

async function migrate(link: Link): Promise<void> {
  await link.send(postgresDdl(migrationsTable));
  const pending = pendingMigrations(await appliedMigrations(link));
  for (const migration of pending) await apply(link, migration);
  if (pending.length === 0) return;
  // Rows of runs are written several times in their life: room beside them saves their indexes from being written too.
  await link.send(
    `alter table runs set (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
  );
  // What retention removes makes room soon.
  await link.send(
    `alter table run_events set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0)`,
  );
}

async function apply(link: Link, migration: Migration): Promise<void> {
  for (const statement of migration.statements) await link.send(postgresDdl(statement));
  await link.send(
    `insert into migrations (number, name, checksum, applied_at)
     values ($1, $2, $3, cast(extract(epoch from clock_timestamp()) * 1000 as bigint))`,
    [migration.number, migration.name, migrationChecksum(migration)],
  );
}

async function metaOf(link: Link, name: string, initial: () => string): Promise<string> {
  const { rows } = await link.send('select value from store_meta where name = $1', [name]);
  const found = rows[0]?.['value'];
  if (typeof found === 'string') return found;
  const value = initial();
  await link.send('insert into store_meta (name, value) values ($1, $2)', [name, value]);
  return value;
}

/** The columns of each unique index, read once: what the database says of a violation is in its own language. */
export async function readUniqueIndexes(link: Link): Promise<UniqueIndexes> {
  const { rows } = await link.send(
    `select index.relname as name, owner.relname as owner, string_agg(attribute.attname, ',' order by place.ordinality) as columns
       from pg_index
       join pg_class index on index.oid = pg_index.indexrelid
       join pg_class owner on owner.oid = pg_index.indrelid
       cross join lateral unnest(pg_index.indkey) with ordinality as place(number, ordinality)
       join pg_attribute attribute on attribute.attrelid = owner.oid and attribute.attnum = place.number
      where pg_index.indisunique and owner.relnamespace = current_schema()::regnamespace
      group by index.relname, owner.relname`,
  );
  return new Map(
    rows.map((row) => [
      String(row['name']),
      { table: String(row['owner']), columns: String(row['columns']).split(',') },
    ]),
  );
}

/** A schema whose clock follows the setting `wayside.now`; only where a test moves time. */
export async function makeTestClock(link: Link): Promise<void> {
  await inTransaction(link, async () => {
    await link.send(lockOfSchema);
    await link.send('create schema if not exists wayside_test');
    await link.send(
      `create or replace function wayside_test.clock_timestamp() returns timestamptz language sql volatile as
       $$ select to_timestamp(cast(current_setting('wayside.now') as double precision) / 1000) $$`,
    );
  });
}
