// How a PostgreSQL database is reached: what `DATABASE_URL` says, read once (postgresql.org/docs/current/libpq-connect.html).
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import type { ConnectionOptions } from 'node:tls';
import { Failure } from '../../../protocol/failures.ts';
import {
  storeConnectionsDefault,
  storeConnectionsMax,
  storeConnectionsMin,
} from '../../../protocol/limits.ts';

export interface PostgresSettings {
  /** Tried in this order until one answers that is not a standby. A name that begins with `/` is a socket's folder. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string | null;
  readonly password: string | null;
  readonly database: string | null;
  /** Null: in the clear. */
  readonly tls: ConnectionOptions | null;
  /** How many connections this process opens at the most. */
  readonly connections: number;
  /** Passed to the server at connect, for instance `-c search_path=wayside`. */
  readonly options: string | null;
  readonly applicationName: string;
}

/** Where it is, for people; without the password. */
export function placeOf({ hosts, database, user }: PostgresSettings): string {
  const list = hosts.map(({ host, port }) => `${host}:${port}`).join(',');
  return `PostgreSQL ${list}/${database ?? user ?? ''}`;
}

const portDefault = 5432;
const known = [
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'connections',
  'options',
  'application_name',
  'host',
] as const;
type Parameters = Readonly<Partial<Record<(typeof known)[number], string>>>;

/**
 * `password` is used where the URL has none. Throws `invalid_configuration` with what to write instead; never repeats
 * the URL, which may hold a password.
 */
export function parseDatabaseUrl(text: string, password: string | null = null): PostgresSettings {
  const { authority, rest } = split(text);
  const url = parseRest(rest);
  const parameters = parametersOf(url);
  const [user, ownPassword] = credentialsOf(authority);
  const hosts = hostsOf(authority, parameters);
  const database = decodeURIComponent(url.pathname.replace(/^\//, ''));
  return Object.freeze({
    hosts,
    user: user === '' ? null : user,
    password: ownPassword ?? password,
    database: database === '' ? null : database,
    tls: tlsOf(hosts, parameters),
    connections: connectionsOf(parameters),
    options: parameters.options ?? null,
    applicationName: parameters.application_name ?? 'wayside',
  });
}

function invalid(sentence: string): Failure {
  return new Failure('invalid_configuration', `DATABASE_URL is not valid: ${sentence}`);
}

/** A list of hosts is no URL as WHATWG means it, so the authority is taken out first. */
function split(text: string): { readonly authority: string; readonly rest: string } {
  const match = /^(?:postgres|postgresql):\/\/([^/?#]*)(.*)$/s.exec(text);
  if (match === null) throw invalid('write postgres://USER@HOST:PORT/DATABASE.');
  const [, authority = '', rest = ''] = match;
  return { authority, rest };
}

function parseRest(rest: string): URL {
  try {
    return new URL(rest, 'postgres://host/');
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      'DATABASE_URL is not valid: its path or query cannot be read.',
      {
        cause,
      },
    );
  }
}

function parametersOf(url: URL): Parameters {
  for (const name of url.searchParams.keys()) {
    if (!known.some((each) => each === name)) {
      throw invalid(`there is no parameter ${name}. Those that there are: ${known.join(', ')}.`);
    }
  }
  return Object.fromEntries(url.searchParams) as Parameters;
}

function credentialsOf(authority: string): readonly [user: string, password: string | null] {
  const at = authority.lastIndexOf('@');
  if (at < 0) return ['', null];
  const [user = '', ...password] = authority.slice(0, at).split(':');
  try {
    return [decodeURIComponent(user), password.length === 0 ? null : decodeURIComponent(password.join(':'))];
  } catch {
    throw invalid('percent-encode what is special in user and password (RFC 3986).');
  }
}

function hostsOf(authority: string, { host }: Parameters): PostgresSettings['hosts'] {
  const listed = authority.slice(authority.lastIndexOf('@') + 1);
  if (host !== undefined) {
    if (listed !== '' && !listed.startsWith(':'))
      throw invalid('give the host once, before the path or as `host`.');
    return host.split(',').map((each) => ({ host: each, port: portOf(listed.replace(/^:/, '')) }));
  }
  if (listed === '') throw invalid('it names no host.');
  return listed.split(',').map((each) => {
    const match = /^(\[[0-9a-fA-F:.]+\]|[^:]*)(?::(.*))?$/.exec(each);
    const name = decodeURIComponent(match?.[1]?.replace(/^\[|\]$/g, '') ?? '');
    if (name === '') throw invalid('it has an empty or unreadable host.');
    return { host: name, port: portOf(match?.[2] ?? '') };
  });
}

function portOf(text: string): number {
  if (text === '') return portDefault;
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw invalid('a port is a number from 1 to 65535.');
  return port;
}

function connectionsOf({ connections }: Parameters): number {
  if (connections === undefined) return storeConnectionsDefault;
  const count = Number(connections);
  if (!/^\d{1,4}$/.test(connections) || count < storeConnectionsMin || count > storeConnectionsMax) {
    throw invalid(`connections is a number from ${storeConnectionsMin} to ${storeConnectionsMax}.`);
  }
  return count;
}

function tlsOf(hosts: PostgresSettings['hosts'], parameters: Parameters): ConnectionOptions | null {
  const mode = parameters.sslmode ?? (hosts.every(({ host }) => isNear(host)) ? 'disable' : 'verify-full');
  const files = {
    ...pem('ca', parameters.sslrootcert === 'system' ? undefined : parameters.sslrootcert),
    ...pem('cert', parameters.sslcert),
    ...pem('key', parameters.sslkey),
  };
  switch (mode) {
    case 'disable':
      return null;
    case 'require':
      // As libpq has it: with a root certificate at hand the chain is checked, without one nothing is.
      return 'ca' in files
        ? { ...files, checkServerIdentity: () => undefined }
        : { ...files, rejectUnauthorized: false };
    case 'verify-ca':
      return { ...files, checkServerIdentity: () => undefined };
    case 'verify-full':
      return files;
    default:
      throw invalid(
        'sslmode is disable, require, verify-ca or verify-full: anything else may end in clear text.',
      );
  }
}

/** A socket or this machine: nothing leaves it. */
function isNear(host: string): boolean {
  return (
    host.startsWith('/') ||
    host === 'localhost' ||
    host === '::1' ||
    (isIP(host) === 4 && host.startsWith('127.'))
  );
}

function pem(name: 'ca' | 'cert' | 'key', path: string | undefined): ConnectionOptions {
  if (path === undefined) return {};
  try {
    return { [name]: readFileSync(path, 'utf8') };
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `DATABASE_URL names ${path}, which cannot be read: ${(cause as Error).message}.`,
      { cause },
    );
  }
}
