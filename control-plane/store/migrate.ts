// Which migrations a database still needs: numbered, forward only, and never changed once they were applied.
import { createHash } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { firstLight } from './migrations/0001-first-light.ts';
import { authority } from './migrations/0002-authority.ts';
import { oauth } from './migrations/0003-oauth.ts';
import { signIn } from './migrations/0004-sign-in.ts';
import { pki } from './migrations/0005-pki.ts';
import { audit } from './migrations/0006-audit.ts';
import { runs } from './migrations/0007-runs.ts';
import { runTokens } from './migrations/0009-run-tokens.ts';
import { replicas } from './migrations/0008-replicas.ts';
import { retention } from './migrations/0010-retention.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly statements: readonly string[];
}

export interface AppliedMigration {
  readonly number: number;
  readonly name: string;
  readonly checksum: string;
}

/** A static list, so that nothing has to be read from a folder inside one executable. */
export const migrations: readonly Migration[] = [
  firstLight,
  authority,
  oauth,
  signIn,
  pki,
  audit,
  runs,
  replicas,
  runTokens,
  retention,
];

/** The table that remembers them; made before the first migration and owned by nobody else. */
export const migrationsTable = `create table if not exists migrations (
   number bigint primary key,
   name text not null,
   checksum text not null,
   applied_at bigint not null
 )`;

/** `sha256:` over the statements, in order. */
export function migrationChecksum(migration: Migration): string {
  const hash = createHash('sha256');
  for (const statement of migration.statements) hash.update(statement).update('\0');
  return `sha256:${hash.digest('hex')}`;
}

/**
 * Those of `known` that are not in `applied`, in order. Throws `store_newer` for a database that a newer program
 * wrote, and `store_failed` where the text of an applied migration is not ours.
 */
export function pendingMigrations(
  applied: readonly AppliedMigration[],
  known: readonly Migration[] = migrations,
): readonly Migration[] {
  const newest = known.at(-1)?.number ?? 0;
  const checksums = new Map(applied.map((row) => [row.number, row.checksum]));
  for (const row of applied) {
    if (row.number > newest) {
      throw new Failure(
        'store_newer',
        `The data was written by a newer program: it has migration ${row.number} (${row.name}), and this program ` +
          `knows ${newest}. Start the newer program, or restore a backup from before the upgrade.`,
        { details: { found: row.number, known: newest } },
      );
    }
  }
  for (const migration of known) {
    const checksum = checksums.get(migration.number);
    if (checksum !== undefined && checksum !== migrationChecksum(migration)) {
      throw new Failure(
        'store_failed',
        `Migration ${migration.number} (${migration.name}) was applied with another text than this program has. ` +
          'The data belongs to a different build: start that one, or restore a backup made by this one.',
        { details: { migration: migration.number } },
      );
    }
  }
  return known.filter((migration) => !checksums.has(migration.number));
}
