// The control plane's configuration: flags and environment, parsed once into one frozen object.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import { z } from 'zod';
import { Failure } from '../protocol/failures.ts';
import { requestsPerMinuteMax } from '../protocol/limits.ts';
import { readFault } from './fault.ts';
import type { Fault } from './fault.ts';
import { parseDatabaseUrl } from './store/postgres/settings.ts';
import type { PostgresSettings } from './store/postgres/settings.ts';
import { readTraceConfig } from './telemetry/trace-config.ts';
import type { TraceConfig } from './telemetry/trace-config.ts';

const portSchema = z
  .string()
  .regex(/^\d{1,5}$/, 'a port is a number from 0 to 65535; 0 takes a free one')
  .transform(Number)
  .refine((port) => port <= 65_535, 'a port is a number from 0 to 65535');
const countSchema = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, 'it is a whole number from 1')
  .transform(Number);
const secondsSchema = z
  .string()
  .regex(/^\d{1,3}$/, 'it is a whole number of seconds from 0 to 999')
  .transform(Number);
const hostSchema = z.string().regex(/^[A-Za-z0-9.:_-]{1,253}$/, 'it is a name or an address, without a port');
/** An origin (RFC 6454): everybody else is kept out by it, so it is written out in full. */
const originSchema = z
  .string()
  .transform((text) => text.replace(/\/$/, ''))
  .refine(isOrigin, 'it is https://name[:port], or http:// with a name of this machine, without a path');
/** `10.0.0.0/8,fd00::/8`. */
const addressesSchema = z
  .string()
  .transform((text) => text.split(',').map((each) => each.trim()))
  .refine(
    (all) => all.every(isAddressRange),
    'they are addresses or networks such as 10.0.0.0/8, with commas',
  );
/** As a SPIFFE ID writes it (SPIFFE-ID, section 2.1). */
const trustDomainSchema = z
  .string()
  .regex(/^[a-z0-9._-]{1,255}$/, 'it has 1 to 255 lower-case letters, digits or . _ -');

/** Every option: its flag is `--name`, its variable `WAYSIDE_NAME`, both from the name here. */
export const serverOptions = {
  data: { schema: z.string().min(1).default('./wayside-data'), help: 'folder that holds everything' },
  'database-url': {
    schema: z.string().min(1).optional(),
    help: 'PostgreSQL instead of a database in the data folder; DATABASE_URL is read too',
  },
  'database-password-file': {
    schema: z.string().min(1).optional(),
    help: 'file with the password of the database',
  },
  host: { schema: hostSchema.default('127.0.0.1'), help: 'address of API and UI' },
  port: { schema: portSchema.default(7_400), help: 'port of API and UI' },
  'tls-cert': { schema: z.string().optional(), help: 'certificate chain (PEM) of API and UI' },
  'tls-key': { schema: z.string().optional(), help: 'private key (PEM) of API and UI' },
  'public-url': { schema: originSchema.optional(), help: 'where browsers and clients reach API and UI' },
  'agent-host': { schema: hostSchema.default('127.0.0.1'), help: 'address on which agents connect' },
  'agent-port': { schema: portSchema.default(7_401), help: 'port on which agents connect (mutual TLS)' },
  'enroll-port': { schema: portSchema.default(7_402), help: 'port on which agents enrol' },
  'public-host': { schema: hostSchema.optional(), help: 'name or address at which agents reach this host' },
  'trust-domain': {
    schema: trustDomainSchema.optional(),
    help: 'SPIFFE trust domain; fixed at the first start',
  },
  'keyring-passphrase-file': {
    schema: z.string().optional(),
    help: 'file with the passphrase of the keyring',
  },
  'requests-per-minute': {
    schema: countSchema.default(requestsPerMinuteMax),
    help: 'how many requests one token may make',
  },
  'issuer-addresses': {
    schema: addressesSchema.optional(),
    help: 'private addresses and networks, with commas, that issuers of federations may have',
  },
  'drain-seconds': {
    schema: secondsSchema.default(0),
    help: 'how long /readyz says no before a process that ends stops to listen',
  },
  'log-level': {
    schema: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
    help: 'how much is logged',
  },
} as const;

export interface ServerConfig {
  readonly dataFolder: string;
  /** Null: the data folder holds the database too. */
  readonly database: PostgresSettings | null;
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly tls: { readonly key: string; readonly cert: string } | null;
    /** The origin that browsers and clients use; null where it is that of the listener. */
    readonly publicUrl: string | null;
  };
  readonly agents: {
    readonly host: string;
    readonly port: number;
    readonly enrollPort: number;
    readonly publicHost: string;
  };
  readonly trustDomain: string | null;
  readonly keyringPassphrase: string | null;
  readonly requestsPerMinute: number;
  readonly issuerAddresses: readonly string[];
  /** How long it goes on listening after it was told to end. */
  readonly drainMs: number;
  readonly logLevel: string;
  /** Where traces are sent; null sends none. */
  readonly traces: TraceConfig | null;
  /** Where a fault test ends the process; null everywhere else. */
  readonly fault: Fault | null;
}

/**
 * Flags win over the environment. Throws `invalid_configuration` naming the option, and where plain HTTP would leave
 * this machine.
 */
export function parseServerConfig(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): ServerConfig {
  const option = <Name extends keyof typeof serverOptions>(name: Name) =>
    parseOption(name, flags[name] ?? given(environment[environmentName(name)]));
  const host = option('host');
  const agentHost = option('agent-host');
  const passphraseFile = option('keyring-passphrase-file');
  return Object.freeze({
    dataFolder: resolve(option('data')),
    database: readDatabase(flags, environment),
    http: {
      host,
      port: option('port'),
      tls: readTls(host, option('tls-cert'), option('tls-key')),
      publicUrl: option('public-url') ?? null,
    },
    agents: {
      host: agentHost,
      port: option('agent-port'),
      enrollPort: option('enroll-port'),
      publicHost: option('public-host') ?? (isWildcard(agentHost) ? hostname() : agentHost),
    },
    trustDomain: option('trust-domain') ?? null,
    keyringPassphrase: passphraseFile === undefined ? null : readFile(passphraseFile).trimEnd(),
    requestsPerMinute: option('requests-per-minute'),
    issuerAddresses: option('issuer-addresses') ?? [],
    drainMs: option('drain-seconds') * 1_000,
    logLevel: option('log-level'),
    traces: readTraceConfig(environment),
    fault: readFault(environment),
  });
}

/** A variable that is set to nothing is not set. */
function given(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** `agent-port` is WAYSIDE_AGENT_PORT. */
export function environmentName(name: string): string {
  return `WAYSIDE_${name.replaceAll('-', '_').toUpperCase()}`;
}

/** The database that flags and environment name, or null. Throws `invalid_configuration`. */
export function readDatabase(
  flags: Readonly<Record<string, string | undefined>>,
  environment: Readonly<Record<string, string | undefined>>,
): PostgresSettings | null {
  const flag = flags['database-url'];
  const url =
    flag ?? given(environment[environmentName('database-url')]) ?? given(environment['DATABASE_URL']);
  const file =
    flags['database-password-file'] ?? given(environment[environmentName('database-password-file')]);
  const text = parseOption('database-url', url);
  if (text === undefined) return null;
  if (flag !== undefined && /^[^/]*\/\/[^/?#]*:[^/?#]*@/.test(flag)) {
    throw new Failure(
      'invalid_configuration',
      '--database-url holds a password, and every process of the machine can read command lines. Put the URL into ' +
        'DATABASE_URL, or the password into a file: --database-password-file.',
    );
  }
  return parseDatabaseUrl(text, file === undefined ? null : readFile(file).trimEnd());
}

function parseOption<Name extends keyof typeof serverOptions>(
  name: Name,
  text: string | undefined,
): z.output<(typeof serverOptions)[Name]['schema']> {
  const result = serverOptions[name].schema.safeParse(text);
  if (result.success) return result.data as z.output<(typeof serverOptions)[Name]['schema']>;
  const why = result.error.issues.map((issue) => issue.message).join('; ');
  throw new Failure('invalid_configuration', `--${name} (${environmentName(name)}) is not valid: ${why}.`);
}

function readTls(
  host: string,
  cert: string | undefined,
  key: string | undefined,
): { readonly key: string; readonly cert: string } | null {
  if (cert !== undefined && key !== undefined) return readKeyPair({ cert, key });
  if (cert !== undefined || key !== undefined) {
    throw new Failure('invalid_configuration', '--tls-cert and --tls-key go together.');
  }
  if (isLoopback(host)) return null;
  throw new Failure(
    'invalid_configuration',
    `Tokens would cross the network in the clear: give --tls-cert and --tls-key to listen on ${host}, ` +
      'or listen on 127.0.0.1 behind a proxy that speaks TLS.',
  );
}

function readKeyPair(paths: { readonly cert: string; readonly key: string }) {
  const pair = { cert: readFile(paths.cert), key: readFile(paths.key) };
  try {
    // An empty file would pass for no certificate at all.
    const certificate = new X509Certificate(pair.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(pair.key)))
      throw new Error('the key is of another one');
    createSecureContext(pair);
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${paths.cert} and ${paths.key} are not a certificate chain and its private key in PEM: ` +
        `${(cause as Error).message}.`,
      { cause },
    );
  }
  return pair;
}

function readFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new Failure('invalid_configuration', `${path} cannot be read: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Sessions and tokens travel under it: in the clear only within this machine. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, origin } = new URL(text);
  if (origin !== text) return false;
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname.replace(/^\[|\]$/g, '')));
}

function isAddressRange(text: string): boolean {
  const [address = '', length, ...rest] = text.split('/');
  const bits = isIP(address) === 4 ? 32 : 128;
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
  return isIP(address) !== 0 && isLength && rest.length === 0;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}
