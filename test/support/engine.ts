// The engine that a run of the tests is over: SQLite, or PostgreSQL with WAYSIDE_TEST_ENGINE=postgres. What belongs to
// a data folder on SQLite is a database of its own on PostgreSQL, found again by the folder.
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { onTestFinished } from 'vitest';
import { migrationChecksum, migrations } from '../../control-plane/store/migrate.ts';
import { openPostgresStore } from '../../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../../control-plane/store/postgres/settings.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import type { SqliteStoreOptions } from '../../control-plane/store/sqlite.ts';
import type { Store } from '../../control-plane/store/store.ts';

export const engine: Store['engine'] =
  process.env['WAYSIDE_TEST_ENGINE'] === 'postgres' && serverUrl() !== null ? 'postgres' : 'sqlite';

/** Where PostgreSQL is; null where there is none. */
export function serverUrl(): string | null {
  const url = process.env['TEST_DATABASE_URL'] ?? '';
  return url === '' ? null : url;
}

/** Opens the store of a data folder on the engine of this run. */
export async function openTestStore(options: SqliteStoreOptions): Promise<Store> {
  if (engine === 'sqlite') return openSqliteStore(options);
  const { clock, trustDomain } = options;
  return openPostgresStore({
    settings: parseDatabaseUrl(await databaseOf(options.dataFolder)),
    ...(clock === undefined ? {} : { clock }),
    ...(trustDomain === undefined ? {} : { trustDomain }),
  });
}

/** What a control plane over this data folder finds in its environment. */
export async function engineEnvironment(dataFolder: string): Promise<Record<string, string>> {
  return engine === 'sqlite' ? {} : { DATABASE_URL: await databaseOf(dataFolder) };
}

/** Databases of this process that no test uses any more: emptying one is cheaper than making one. */
const free: string[] = [];

async function databaseOf(dataFolder: string): Promise<string> {
  mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
  const file = join(dataFolder, 'test-database');
  if (existsSync(file)) return readFileSync(file, 'utf8');
  const used = free.pop();
  const url = used ?? (await createDatabase());
  if (used !== undefined) await emptyDatabase(used);
  writeFileSync(file, url);
  try {
    onTestFinished(() => void free.push(url));
  } catch {
    // Not within a test: it goes with the server.
  }
  return url;
}

async function emptyDatabase(url: string): Promise<void> {
  await runIn(url, async (client) => {
    await client.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    );
    const { rows } = await client.query<{ name: string }>(
      `select quote_ident(relname) as name from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'migrations'`,
    );
    const names = rows.map(({ name }) => name);
    // References are not looked at, so the order does not matter. Truncating would take ten times as long.
    const deletes = names.map((name) => `delete from ${name}`);
    await client.query(['set session_replication_role = replica', ...deletes].join(';'));
  });
}

/** A database with the newest schema and nothing in it, or with nothing at all. */
export async function createDatabase(kind: 'migrated' | 'empty' = 'migrated'): Promise<string> {
  const name = `wayside_test_${randomUUID().replaceAll('-', '')}`;
  await asAdministrator(async (client) => {
    const template = kind === 'empty' ? 'template0' : await makeTemplate(client);
    await client.query(`create database ${name} template ${template}`);
  });
  const url = new URL(serverUrl() ?? '');
  url.pathname = `/${name}`;
  return url.href;
}

export async function dropDatabase(url: string): Promise<void> {
  await asAdministrator((client) =>
    client.query(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`),
  );
}

/** Migrating takes ten times as long as copying what was migrated. */
async function makeTemplate(client: Client): Promise<string> {
  const hash = createHash('sha256');
  for (const migration of migrations) hash.update(migrationChecksum(migration));
  const name = `wayside_template_${hash.digest('hex').slice(0, 16)}`;
  const isThere = async () => {
    const { rows } = await client.query('select 1 from pg_database where datname = $1', [name]);
    return rows.length > 0;
  };
  if (await isThere()) return name;
  await client.query(`select pg_advisory_lock(hashtext('wayside template'))`);
  try {
    if (await isThere()) return name;
    const building = `${name}_building`;
    await client.query(`drop database if exists ${building} with (force)`);
    await client.query(`create database ${building} template template0`);
    const url = new URL(serverUrl() ?? '');
    url.pathname = `/${building}`;
    await (await openPostgresStore({ settings: parseDatabaseUrl(url.href), clock: () => 0 })).close();
    // Each copy gets an identity of its own.
    await runIn(url.href, async (inside) => {
      await inside.query('delete from store_meta');
    });
    await client.query(`alter database ${building} rename to ${name}`);
    return name;
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('wayside template'))`);
  }
}

async function asAdministrator<T>(act: (client: Client) => Promise<T>): Promise<T> {
  const url = serverUrl();
  if (url === null) throw new Error('there is no PostgreSQL: set TEST_DATABASE_URL');
  return runIn(url, act);
}

/** On a connection of its own to the database of `url`. */
export async function runIn<T>(url: string, act: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}
