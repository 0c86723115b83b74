// One connection to PostgreSQL with our settings. Statements are sent without waiting for the answers before them.
import { Client } from 'pg';
import type { ClientConfig, CustomTypesConfig, QueryResult } from 'pg';
import {
  storeAnswerMsMax,
  storeConnectMsMax,
  storeLockWaitMsMax,
  storeStatementMsMax,
  storeStatementsMax,
} from '../../../protocol/limits.ts';
import type { StepResult } from '../store.ts';
import type { PostgresSettings } from './settings.ts';

export interface Link {
  /** How many statements have no answer yet. */
  readonly waiting: number;
  /** The database's own process for this connection, and when it started: together they name it for good. */
  readonly backend: { readonly pid: number; readonly startedAt: string };
  readonly isLost: boolean;
  /** Sends at once; what was sent before is answered before. */
  send(sql: string, parameters?: readonly unknown[]): Promise<StepResult>;
  /** True where the transaction was committed; false where the database made a rollback of it. */
  commit(): Promise<boolean>;
  /** What is sent in `act` leaves in one piece. */
  together<T>(act: () => T): T;
  /** Called once, when the connection ended that nobody here closed. */
  onLost(listener: (cause: Error) => void): void;
  onNotification(listener: (payload: string) => void): void;
  /** Waits for what was sent, then ends. */
  close(): Promise<void>;
  /** Ends without waiting: nobody is there any more. */
  destroy(): void;
}

export interface LinkOptions {
  readonly settings: PostgresSettings;
  readonly host: PostgresSettings['hosts'][number];
  readonly purpose: 'write' | 'read' | 'listen' | 'copy';
  /** Shadows the database's clock with the setting `wayside.now`, in tests only. */
  readonly movesTime: boolean;
}

/** Numbers as numbers and truth as 0 and 1, as SQLite has them. */
const types: CustomTypesConfig = {
  getTypeParser: (oid: number) => {
    switch (oid) {
      case 16: // bool
        return (text: string) => (text === 't' ? 1 : 0);
      case 20: // int8
      case 21:
      case 23:
      case 700:
      case 701:
      case 1700: // numeric, which sum() answers
        return Number;
      default:
        return (text: string) => text;
    }
  },
};

/** Resolves when the session is ready for statements. Rejects with what `pg` reports. */
export async function openLink(options: LinkOptions): Promise<Link> {
  const client = new Client(clientConfig(options));
  const lost = listenForLoss(client);
  await client.connect();
  try {
    const { rows } = await client.query<{ pid: number; started_at: string }>(sessionSql(options));
    const [row] = rows;
    if (row === undefined) throw new Error('the session could not be set up');
    return linkOver(client, lost, { pid: Number(row.pid), startedAt: row.started_at });
  } catch (cause) {
    await client.end().catch(() => undefined);
    throw cause;
  }
}

function clientConfig({ settings, host, purpose }: LinkOptions): ClientConfig & { pipeline: true } {
  const { user, password, database, tls, options } = settings;
  return {
    host: host.host,
    port: host.port,
    ...(user === null ? {} : { user }),
    ...(password === null ? {} : { password }),
    ...(database === null ? {} : { database }),
    ...(options === null ? {} : { options }),
    ssl: tls ?? false,
    application_name: `${settings.applicationName} ${purpose}`,
    connectionTimeoutMillis: storeConnectMsMax,
    // A copy reads for as long as it takes.
    ...(purpose === 'copy' || purpose === 'listen' ? {} : { query_timeout: storeAnswerMsMax }),
    keepAlive: true,
    keepAliveInitialDelayMillis: storeConnectMsMax,
    types,
    pipeline: true,
  };
}

/**
 * One statement, and no startup parameters, because PgBouncer passes on few of those. A commit is on the disk, and with
 * standbys on that of one of them, when it is answered: no setting of the database or the user takes that away.
 */
function sessionSql({ purpose, movesTime }: LinkOptions): string {
  const settings: [string, string][] = [
    ['statement_timeout', purpose === 'copy' ? '0' : `${storeStatementMsMax}ms`],
    ['lock_timeout', `${storeLockWaitMsMax}ms`],
    ['idle_in_transaction_session_timeout', purpose === 'copy' ? '0' : `${storeAnswerMsMax}ms`],
    ['default_transaction_isolation', 'read committed'],
    ['default_transaction_read_only', purpose === 'read' ? 'on' : 'off'],
    ['client_encoding', 'UTF8'],
    ['standard_conforming_strings', 'on'],
    ['jit', 'off'],
  ];
  const set = settings.map(([name, value]) => `set_config('${name}', '${value}', false)`);
  if (movesTime) {
    set.push(
      `set_config('search_path', current_setting('search_path') || ', wayside_test, pg_catalog', false)`,
    );
  }
  set.push(`case when current_setting('synchronous_commit') in ('off', 'local', 'remote_write')
    then set_config('synchronous_commit', 'on', false) else '' end`);
  return `select pg_backend_pid() as pid,
    (select backend_start::text from pg_stat_activity where pid = pg_backend_pid()) as started_at,
    ${set.join(', ')}`;
}

interface Loss {
  cause: Error | null;
  closing: boolean;
  readonly listeners: ((cause: Error) => void)[];
}

function listenForLoss(client: Client): Loss {
  const loss: Loss = { cause: null, closing: false, listeners: [] };
  const lose = (cause: Error) => {
    if (loss.cause !== null || loss.closing) return;
    loss.cause = cause;
    for (const listener of loss.listeners.splice(0)) listener(cause);
  };
  client.on('error', lose);
  client.on('end', () => lose(new Error('the connection ended')));
  return loss;
}

const changing = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/**
 * The types of the parameters are told and not left to be guessed: PostgreSQL takes a value in a `case` for text where it
 * does not know better, and refuses it for a number then. They are part of what a prepared statement is.
 */
function typeOf(value: unknown): number {
  switch (typeof value) {
    case 'string':
      return 25; // text
    case 'number':
    case 'bigint':
      return 20; // int8
    default:
      return value === null ? 0 : 17; // unknown, bytea
  }
}

/** Statements that have a name on every connection; parsing and planning them again would cost more than running them. */
const names = new Map<string, string>();

function nameOf(sql: string, parameterTypes: readonly number[]): string | undefined {
  const key = `${parameterTypes.join()} ${sql}`;
  const known = names.get(key);
  if (known !== undefined) return known;
  if (names.size >= storeStatementsMax) return undefined;
  const name = `w${names.size}`;
  names.set(key, name);
  return name;
}

/** The socket below a client, which its type does not show. */
interface Corkable {
  readonly connection: { readonly stream: { cork(): void; uncork(): void; destroy(): void } };
}

function linkOver(client: Client, loss: Loss, backend: Link['backend']): Link {
  const { connection } = client as unknown as Corkable;
  let waiting = 0;
  const query = async (sql: string, parameters: readonly unknown[]) => {
    if (loss.cause !== null) throw loss.cause;
    waiting += 1;
    try {
      const values = [...parameters];
      const parameterTypes = values.map(typeOf);
      const name = nameOf(sql, parameterTypes);
      // `pg` reads both from one member: the types of the parameters as a list, and how results are read.
      const text = { text: sql, values, types: Object.assign(parameterTypes, types) };
      return await client.query<Record<string, unknown>>(name === undefined ? text : { name, ...text });
    } finally {
      waiting -= 1;
    }
  };
  return {
    backend,
    get waiting() {
      return waiting;
    },
    get isLost() {
      return loss.cause !== null;
    },
    send: async (sql, parameters = []) => resultOf(await query(sql, parameters)),
    commit: async () => (await query('commit', [])).command === 'COMMIT',
    together: (act) => {
      connection.stream.cork();
      try {
        return act();
      } finally {
        connection.stream.uncork();
      }
    },
    onLost: (listener) => {
      if (loss.cause === null) loss.listeners.push(listener);
      else listener(loss.cause);
    },
    onNotification: (listener) => {
      client.on('notification', ({ payload }) => listener(payload ?? ''));
    },
    close: async () => {
      loss.closing = true;
      await client.end();
    },
    destroy: () => connection.stream.destroy(),
  };
}

function resultOf({ command, rows, rowCount }: QueryResult<Record<string, unknown>>): StepResult {
  return { rows, changes: changing.has(command) ? (rowCount ?? 0) : 0 };
}
