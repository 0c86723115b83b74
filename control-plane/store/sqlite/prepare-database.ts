// Makes a database file ours: checks that it is, brings it to the newest schema, and knows its identity.
import { randomBytes, randomUUID } from 'node:crypto';
import { Failure } from '../../../protocol/failures.ts';
import { migrationChecksum, migrationsTable, pendingMigrations } from '../migrate.ts';
import type { AppliedMigration } from '../migrate.ts';
import { movedAwayMeta, movedAwaySentence } from '../notes.ts';
import { applicationId } from './connection.ts';
import type { Connection } from './connection.ts';

const nowSql = `cast(round(unixepoch('subsec') * 1000) as integer)`;

export interface StoreIdentity {
  readonly incarnation: string;
  readonly trustDomain: string;
}

/**
 * In one transaction, so that a crash leaves either the old schema or the new one. The trust domain is fixed when
 * the database is first made; asking for another one later is `invalid_configuration`.
 */
export function prepareDatabase(connection: Connection, trustDomain: string | null): StoreIdentity {
  connection.database.exec('begin immediate');
  try {
    assertOurs(connection);
    migrate(connection);
    assertHere(connection);
    const identity = {
      incarnation: metaOf(connection, 'incarnation', () => randomUUID()),
      trustDomain: metaOf(
        connection,
        'trust_domain',
        () => trustDomain ?? `${randomBytes(6).toString('hex')}.wayside.internal`,
      ),
    };
    if (trustDomain !== null && trustDomain !== identity.trustDomain) {
      throw new Failure(
        'invalid_configuration',
        `The trust domain of this data folder is ${identity.trustDomain}, fixed when it was first used, and cannot ` +
          `become ${trustDomain}: every certificate names it. Leave the setting out, or use a new data folder.`,
      );
    }
    connection.database.exec('commit');
    return identity;
  } catch (cause) {
    if (connection.database.isTransaction) connection.database.exec('rollback');
    throw cause;
  }
}

function assertHere(connection: Connection): void {
  const value = connection.run('select value from store_meta where name = ?', [movedAwayMeta]).rows[0]?.[
    'value'
  ];
  if (typeof value === 'string') throw new Failure('conflict', movedAwaySentence(value));
}

function assertOurs(connection: Connection): void {
  const found = connection.run('pragma application_id').rows[0]?.['application_id'];
  if (found === applicationId) return;
  const tables = connection.run('select count(*) as count from sqlite_master').rows[0]?.['count'];
  if (found !== 0 || tables !== 0) {
    throw new Failure(
      'data_folder_unusable',
      'The data folder holds a database that another program made. Point --data at a folder of its own.',
    );
  }
  connection.database.exec(`pragma application_id = ${applicationId}`);
}

function migrate(connection: Connection): void {
  connection.run(migrationsTable);
  const applied = connection.run('select number, name, checksum from migrations order by number').rows;
  for (const migration of pendingMigrations(applied as unknown as readonly AppliedMigration[])) {
    for (const statement of migration.statements) connection.database.exec(statement);
    connection.run(
      `insert into migrations (number, name, checksum, applied_at) values (?, ?, ?, ${nowSql})`,
      [migration.number, migration.name, migrationChecksum(migration)],
    );
  }
}

function metaOf(connection: Connection, name: string, initial: () => string): string {
  const found = connection.run('select value from store_meta where name = ?', [name]).rows[0]?.['value'];
  if (typeof found === 'string') return found;
  const value = initial();
  connection.run('insert into store_meta (name, value) values (?, ?)', [name, value]);
  return value;
}
