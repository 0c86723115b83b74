// kysely over the store: builds and compiles every query, and executes only those that read.
import {
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import type { CompiledQuery, DatabaseConnection, Dialect, Driver, Kysely, QueryResult } from 'kysely';
import type { Store } from './store.ts';

type Read = (query: CompiledQuery) => Promise<readonly Record<string, unknown>[]>;

export function readDialect(engine: Store['engine'], read: Read): Dialect {
  const createDriver = () => readDriver(read);
  if (engine === 'postgres') {
    return {
      createDriver,
      createQueryCompiler: () => new PostgresQueryCompiler(),
      createAdapter: () => new PostgresAdapter(),
      createIntrospector: (db: Kysely<unknown>) => new PostgresIntrospector(db),
    };
  }
  return {
    createDriver,
    createQueryCompiler: () => new SqliteQueryCompiler(),
    createAdapter: () => new SqliteAdapter(),
    createIntrospector: (db: Kysely<unknown>) => new SqliteIntrospector(db),
  };
}

function readDriver(read: Read): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
      const { kind } = query.query;
      if (kind !== 'SelectQueryNode' && kind !== 'RawNode') throw refusal();
      return { rows: [...(await read(query))] as Row[] };
    },
    streamQuery: () => {
      throw new Error('Read page by page: a streaming query would hold a snapshot open.');
    },
  };
  return {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: () => Promise.reject(refusal()),
    commitTransaction: () => Promise.reject(refusal()),
    rollbackTransaction: () => Promise.reject(refusal()),
    releaseConnection: () => Promise.resolve(),
    destroy: () => Promise.resolve(),
  };
}

/** A mistake in our code, not of the world: hence an Error and no Failure. */
function refusal(): Error {
  return new Error('Writes go through Store.write, as units; Store.db only builds queries and reads.');
}
