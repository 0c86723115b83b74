// The embedded store: SQLite in one folder, one writer thread with group commit, one reader thread (store.md).
import { Kysely } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { Failure } from '../../protocol/failures.ts';
import { boundParameters } from './bind.ts';
import type { Database } from './schema.ts';
import { noHints } from './hints.ts';
import { readDialect } from './read-dialect.ts';
import { openReadingConnection } from './sqlite/connection.ts';
import { copyDatabase } from './sqlite/copy-database.ts';
import { databasePath, dataFolderFailure, prepareDataFolder, syncPath } from './sqlite/data-folder.ts';
import { describeFailure, toFailure } from './sqlite/failure.ts';
import { takeFolderLock } from './sqlite/lock.ts';
import type { FolderLock } from './sqlite/lock.ts';
import type { Statement } from './sqlite/messages.ts';
import { Thread } from './sqlite/thread.ts';
import { TurnSnapshot } from './sqlite/turn-snapshot.ts';
import type { Step, Store, StoreCommit } from './store.ts';

export interface SqliteStoreOptions {
  readonly dataFolder: string;
  /** Replaces the database's own clock (epoch ms), so that a test moves time instead of waiting. */
  readonly clock?: () => number;
  /** Fixed when the database is first made; left out, a random one is chosen then. */
  readonly trustDomain?: string;
  /** Who holds the folder, for the message that a second process gets. */
  readonly purpose?: string;
  /** The disk failed in a commit: nothing more is written, and the process must end (rules.md 4). */
  readonly onFatal?: (failure: Failure) => void;
  readonly onCommit?: (commit: StoreCommit) => void;
}

/**
 * Opens the store of a data folder and makes it where there is none. Throws `store_locked`, `store_newer`,
 * `data_folder_unusable`, `invalid_configuration` or `store_failed`, each with what to do.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { dataFolder } = options;
  prepareDataFolder(dataFolder);
  const lock = lockFolder(options);
  let near: TurnSnapshot | null = null;
  const onAnswers = () => near?.end();
  const writer = startThread('./sqlite/writer.ts', options, onAnswers);
  const reader = startThread('./sqlite/reader.ts', options, onAnswers);
  try {
    const path = databasePath(dataFolder);
    const now = options.clock === undefined ? {} : { now: options.clock() };
    const settings = { path, trustDomain: options.trustDomain ?? null, ...now };
    const { incarnation = '', trustDomain = '' } = await writer.open(settings);
    // A file that was just made is there after a power loss only when its folder was synced too.
    await syncPath(dataFolder);
    await reader.open(settings);
    near = new TurnSnapshot(openReadingConnection(path, settings.now));
    const clock = options.clock ?? null;
    return storeOver({ path, lock, incarnation, trustDomain, writer, reader, near, clock });
  } catch (cause) {
    await Promise.all([writer.discard(), reader.discard()]);
    lock.release();
    throw cause;
  }
}

function startThread(entry: string, options: SqliteStoreOptions, onAnswers: () => void): Thread {
  return new Thread({
    entry: new URL(entry, import.meta.url),
    clock: options.clock ?? null,
    onAnswers,
    onFatal: options.onFatal ?? (() => undefined),
    ...(options.onCommit === undefined ? {} : { onCommit: options.onCommit }),
  });
}

interface Parts {
  readonly path: string;
  readonly lock: FolderLock;
  readonly incarnation: string;
  readonly trustDomain: string;
  readonly writer: Thread;
  readonly reader: Thread;
  /** Of a connection of this thread, for a few rows at a time. */
  readonly near: TurnSnapshot;
  readonly clock: (() => number) | null;
}

function storeOver(parts: Parts): Store {
  const { writer, reader, near } = parts;
  const close = async () => {
    near.close();
    // The writer is the last to close its connection, so that it can take the WAL into the database.
    await reader.close();
    await writer.close();
    parts.lock.release();
  };
  let closed: Promise<void> | null = null;
  const read = async <Row>(query: CompiledQuery<Row>) => {
    const [result] = await reader.request([statementOf({ query })]);
    return (result?.rows ?? []) as readonly Row[];
  };
  return {
    engine: 'sqlite',
    db: new Kysely<Database>({
      dialect: readDialect('sqlite', (query) => read(query as CompiledQuery<Record<string, unknown>>)),
    }),
    incarnation: parts.incarnation,
    trustDomain: parts.trustDomain,
    read,
    snapshot: async (queries) => {
      const results = await reader.request(queries.map((query) => statementOf({ query })));
      return results.map((result) => result.rows);
    },
    glance: (queries) => glance(parts, queries),
    write: async (unit) => writer.request(unit.map(statementOf)),
    ...noHints,
    backup: (target) => copyDatabase(parts.path, target),
    close: () => (closed ??= close()),
  };
}

async function glance({ near, clock }: Parts, queries: readonly CompiledQuery[]) {
  if (clock !== null) near.setNow(clock());
  const statements = queries.map((query) => statementOf({ query }));
  try {
    return near.read(statements).map((result) => result.rows);
  } catch (cause) {
    throw toFailure(describeFailure(cause, ''));
  }
}

function statementOf({ query, guard }: Step): Statement {
  const { sql } = query;
  const parameters = boundParameters(query);
  return guard === undefined ? { sql, parameters } : { sql, parameters, guard };
}

function lockFolder(options: SqliteStoreOptions): FolderLock {
  try {
    const now = (options.clock ?? (() => Date.now()))();
    return takeFolderLock(options.dataFolder, { purpose: options.purpose ?? 'a Wayside control plane', now });
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw dataFolderFailure(options.dataFolder, cause);
  }
}
