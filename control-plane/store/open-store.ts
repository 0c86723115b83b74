// Opens the store that a configuration names: PostgreSQL where it has a database, else the one in the data folder.
import type { Failure } from '../../protocol/failures.ts';
import { openPostgresStore } from './postgres.ts';
import type { PostgresSettings } from './postgres/settings.ts';
import { openSqliteStore } from './sqlite.ts';
import { prepareDataFolder } from './sqlite/data-folder.ts';
import type { Store, StoreCommit } from './store.ts';

export interface OpenStoreOptions {
  readonly config: {
    readonly dataFolder: string;
    /** Null: the data folder holds the data too. */
    readonly database: PostgresSettings | null;
    readonly trustDomain?: string | null;
  };
  /** Who holds the data folder, for the message that a second process gets. */
  readonly purpose?: string;
  /** Nothing more may be written by this process, which must end (rules.md 4 and 12). */
  readonly onFatal?: (failure: Failure) => void;
  /** Called where PostgreSQL was failed over or brought back under us: what is in memory is of another past. */
  readonly onIncarnation?: (incarnation: string) => void;
  readonly report?: (message: string, cause: Error | null) => void;
  /** Told of each transaction of the writer. */
  readonly onCommit?: (commit: StoreCommit) => void;
}

/** On PostgreSQL the data folder holds the keyring alone and is not locked: any number of processes may run. */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { config, onFatal, purpose, report, onIncarnation, onCommit } = options;
  const { dataFolder, database } = config;
  const trustDomain = config.trustDomain ?? null;
  const named = trustDomain === null ? {} : { trustDomain };
  if (database === null) {
    return openSqliteStore({
      dataFolder,
      ...named,
      ...(purpose === undefined ? {} : { purpose }),
      ...(onFatal === undefined ? {} : { onFatal }),
      ...(onCommit === undefined ? {} : { onCommit }),
    });
  }
  prepareDataFolder(dataFolder);
  return openPostgresStore({
    settings: database,
    ...named,
    ...(report === undefined ? {} : { report }),
    ...(onIncarnation === undefined ? {} : { onIncarnation }),
    ...(onCommit === undefined ? {} : { onCommit }),
  });
}
