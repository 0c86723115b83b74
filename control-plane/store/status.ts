// What a store is and how far its schema is, without changing anything and beside a server that runs.
import { existsSync } from 'node:fs';
import { Failure } from '../../protocol/failures.ts';
import { migrations, pendingMigrations } from './migrate.ts';
import type { AppliedMigration } from './migrate.ts';
import { movedAwayMeta } from './notes.ts';
import { durabilityWarnings } from './postgres/check-durability.ts';
import { connectAtStart, refusalOf } from './postgres/line.ts';
import type { Link } from './postgres/link.ts';
import { lockOfControlPlanes } from './postgres/prepare-database.ts';
import { placeOf } from './postgres/settings.ts';
import type { PostgresSettings } from './postgres/settings.ts';
import { openReadingConnection } from './sqlite/connection.ts';
import { databasePath } from './sqlite/data-folder.ts';

export interface StoreStatus {
  readonly engine: 'sqlite' | 'postgres';
  readonly place: string;
  readonly version: string;
  readonly bytes: number;
  /** Null where the database was never used. */
  readonly incarnation: string | null;
  readonly trustDomain: string | null;
  readonly applied: readonly (Pick<AppliedMigration, 'number' | 'name'> & { readonly applied_at: number })[];
  /** Names of those that the next start applies. */
  readonly pending: readonly string[];
  /** Where the data went, if it did. */
  readonly movedTo: string | null;
  /** Only of PostgreSQL, which counts them; null where that is not known. */
  readonly controlPlanes: number | null;
  readonly warnings: readonly string[];
}

type Read = (sql: string) => Promise<readonly Record<string, unknown>[]>;

/** Throws `not_found` where there is no store, and `store_newer` where a newer program wrote it. */
export async function readStatus(config: {
  readonly dataFolder: string;
  readonly database: PostgresSettings | null;
}): Promise<StoreStatus> {
  return config.database === null ? statusOfFolder(config.dataFolder) : statusOfDatabase(config.database);
}

async function statusOfFolder(folder: string): Promise<StoreStatus> {
  const path = databasePath(folder);
  if (!existsSync(path)) {
    throw new Failure('not_found', `There is no database in ${folder}. Name the folder with --data.`);
  }
  const connection = openReadingConnection(path);
  try {
    const read: Read = (sql) => Promise.resolve(connection.run(sql).rows);
    const [size] = await read(
      'select page_count * page_size as bytes from pragma_page_count, pragma_page_size',
    );
    const [version] = await read('select sqlite_version() as version');
    const [used] = await read(`select count(*) as count from sqlite_master where name = 'store_meta'`);
    return {
      engine: 'sqlite',
      place: path,
      version: String(version?.['version']),
      bytes: Number(size?.['bytes']),
      ...(await schemaOf(used?.['count'] === 1 ? read : null)),
      controlPlanes: null,
      warnings: [],
    };
  } finally {
    connection.close();
  }
}

async function statusOfDatabase(settings: PostgresSettings): Promise<StoreStatus> {
  const link = await connectAtStart({ settings, purpose: 'copy', movesTime: false });
  try {
    const read: Read = async (sql) => (await link.send(sql)).rows;
    const [facts] = await read(
      `select current_setting('server_version') as version, pg_database_size(current_database()) as bytes,
          to_regclass('store_meta') is not null as used`,
    );
    return {
      engine: 'postgres',
      place: placeOf(settings),
      version: String(facts?.['version']),
      bytes: Number(facts?.['bytes']),
      ...(await schemaOf(facts?.['used'] === 1 ? read : null)),
      controlPlanes: await countControlPlanes(link),
      warnings: await durabilityWarnings(link),
    };
  } catch (cause) {
    throw refusalOf(cause);
  } finally {
    await link.close().catch(() => undefined);
  }
}

/** Each holds the lock once, on the connection that writes. */
async function countControlPlanes(link: Link): Promise<number> {
  const { rows } = await link.send(
    `select count(*) as count from pg_locks, (select ${lockOfControlPlanes} as key) as wanted
      where locktype = 'advisory' and granted and database = (select oid from pg_database where datname = current_database())
        and classid::bigint = (wanted.key >> 32) & 4294967295 and objid::bigint = wanted.key & 4294967295`,
  );
  return Number(rows[0]?.['count']);
}

async function schemaOf(
  read: Read | null,
): Promise<Pick<StoreStatus, 'incarnation' | 'trustDomain' | 'applied' | 'pending' | 'movedTo'>> {
  if (read === null) {
    return {
      incarnation: null,
      trustDomain: null,
      applied: [],
      pending: migrations.map(nameOf),
      movedTo: null,
    };
  }
  const rows = await read('select number, name, checksum, applied_at from migrations order by number');
  const applied = rows as unknown as (AppliedMigration & { applied_at: number })[];
  const meta = new Map(
    (await read('select name, value from store_meta')).map((row) => [row['name'], row['value']]),
  );
  const text = (name: string) => {
    const value = meta.get(name);
    return typeof value === 'string' ? value : null;
  };
  return {
    incarnation: text('incarnation'),
    trustDomain: text('trust_domain'),
    applied: applied.map(({ number, name, applied_at }) => ({ number, name, applied_at })),
    pending: pendingMigrations(applied).map(nameOf),
    movedTo: text(movedAwayMeta),
  };
}

function nameOf({ number, name }: { readonly number: number; readonly name: string }): string {
  return `${number} ${name}`;
}
