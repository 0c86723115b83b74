// Everything that can be set from outside: flags first, then WAYSIDE_AGENT_* variables, then the agent block of the
// file, then defaults. Parsed once, at the edge, into a frozen object; nothing else reads the environment.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { AgentSettings } from '../hcl/agent-file/definition.ts';
import { parseDuration } from '../hcl/agent-file/duration.ts';
import { Failure } from '../protocol/failures.ts';
import { slotsMax } from '../protocol/limits.ts';
import { faultPointOf, noFaults } from './fault.ts';
import type { FaultPoint } from './fault.ts';
import { logLevels } from './mask-line.ts';
import type { LogLevel } from './mask-line.ts';
import type { ProxyEnv } from './secure-agent.ts';

/** One setting: its flag, its variable, what it means. `arrays` are given with commas. */
export interface ConfigOption {
  readonly key: string;
  readonly flag: string;
  readonly variable: string;
  readonly doc: string;
}

export const configOptions = {
  config: {
    key: 'config',
    flag: '-c, --config <path>',
    variable: 'WAYSIDE_AGENT_CONFIG',
    doc: 'agent file, or a folder of *.hcl files',
  },
  stateDir: {
    key: 'stateDir',
    flag: '--state-dir <folder>',
    variable: 'WAYSIDE_AGENT_STATE_DIR',
    doc: 'where keys, journal and spool are kept',
  },
  concurrency: {
    key: 'concurrency',
    flag: '--concurrency <runs>',
    variable: 'WAYSIDE_AGENT_CONCURRENCY',
    doc: 'how many runs at once',
  },
  shutdownGrace: {
    key: 'shutdownGrace',
    flag: '--shutdown-grace <duration>',
    variable: 'WAYSIDE_AGENT_SHUTDOWN_GRACE',
    doc: 'how long runs may go on after SIGTERM, for instance 30s',
  },
  compatibility: {
    key: 'compatibility',
    flag: '--compatibility <mode>',
    variable: 'WAYSIDE_AGENT_COMPATIBILITY',
    doc: 'hcp: load files of the reference agent unchanged, with warnings',
  },
  runAs: {
    key: 'runAs',
    flag: '--run-as <user>',
    variable: 'WAYSIDE_AGENT_RUN_AS',
    doc: 'operating-system user of the commands',
  },
  envInherit: {
    key: 'envInherit',
    flag: '--env-inherit <names>',
    variable: 'WAYSIDE_AGENT_ENV_INHERIT',
    doc: 'variables that commands inherit, with commas between',
  },
  envAllow: {
    key: 'envAllow',
    flag: '--env-allow <names>',
    variable: 'WAYSIDE_AGENT_ENV_ALLOW',
    doc: 'variables that env() may read, with commas between',
  },
  filesAllow: {
    key: 'filesAllow',
    flag: '--files-allow <patterns>',
    variable: 'WAYSIDE_AGENT_FILES_ALLOW',
    doc: 'paths that file() may read, with commas between',
  },
  proxy: {
    key: 'proxy',
    flag: '--proxy <url>',
    variable: 'WAYSIDE_AGENT_PROXY',
    doc: 'HTTP proxy to the control plane and for http operations; also HTTPS_PROXY and NO_PROXY',
  },
  caFile: {
    key: 'caFile',
    flag: '--ca-file <path>',
    variable: 'WAYSIDE_AGENT_CA_FILE',
    doc: 'private CA of TLS proxies and of http operations, PEM',
  },
  logLevel: {
    key: 'logLevel',
    flag: '--log-level <level>',
    variable: 'WAYSIDE_AGENT_LOG_LEVEL',
    doc: `${logLevels.join(', ')} (default info)`,
  },
} as const satisfies Readonly<Record<string, ConfigOption>>;

export type ConfigKey = keyof typeof configOptions;
/** As commander and the environment give them: text, or not given. */
export type RawConfig = Partial<Readonly<Record<ConfigKey, string>>>;
export type Environment = Readonly<Record<string, string | undefined>>;

export interface AgentConfig {
  /** Null where a command needs no agent file. */
  readonly files: string | null;
  readonly logLevel: LogLevel;
  readonly compatibility: boolean;
  readonly faultPoint: FaultPoint;
  /** The settings of the file with what flags and variables say instead. */
  overrides(settings: AgentSettings): AgentSettings;
  stateDir(settings: AgentSettings | null): string;
  proxyEnv(settings: AgentSettings | null): ProxyEnv;
}

/** Flags win over variables. Throws `invalid_configuration` naming the setting and what it may be. */
export function readConfig(
  flags: RawConfig,
  env: Environment,
  { isRoot, kill }: { readonly isRoot: boolean; readonly kill: () => void },
): AgentConfig {
  const raw = (key: ConfigKey): string | undefined =>
    flags[key] ?? nonEmpty(env[configOptions[key].variable]);
  const given = {
    concurrency: raw('concurrency'),
    shutdownGrace: raw('shutdownGrace'),
    compatibility: raw('compatibility'),
  };
  const concurrency = given.concurrency === undefined ? null : readConcurrency(given.concurrency);
  const shutdownGraceMs = given.shutdownGrace === undefined ? null : readGrace(given.shutdownGrace);
  const compatibility = given.compatibility === undefined ? null : readCompatibility(given.compatibility);
  const [runAs, proxy, caFile, stateDir] = [raw('runAs'), raw('proxy'), raw('caFile'), raw('stateDir')];
  const lists = {
    envInherit: listOf(raw('envInherit')),
    envAllow: listOf(raw('envAllow')),
    filesAllow: listOf(raw('filesAllow')),
  };
  if (proxy !== undefined) checkProxy(proxy);
  const config: AgentConfig = {
    files: raw('config') ?? null,
    logLevel: readLogLevel(raw('logLevel') ?? 'info'),
    compatibility: compatibility ?? false,
    faultPoint: readFault(env, kill),
    overrides: (settings) =>
      Object.freeze({
        ...settings,
        concurrency: concurrency ?? settings.concurrency,
        shutdownGraceMs: shutdownGraceMs ?? settings.shutdownGraceMs,
        compatibility: compatibility ?? settings.compatibility,
        runAs: runAs ?? settings.runAs,
        envInherit: lists.envInherit ?? settings.envInherit,
        envAllow: lists.envAllow ?? settings.envAllow,
        filesAllow: lists.filesAllow ?? settings.filesAllow,
        network: {
          ...settings.network,
          proxy: proxy ?? settings.network.proxy,
          caFile: caFile ?? settings.network.caFile,
        },
      }),
    stateDir: (settings) => resolve(stateDir ?? settings?.stateDir ?? defaultStateDir(env, isRoot)),
    proxyEnv: (settings) => proxyEnvOf(proxy ?? settings?.network.proxy ?? null, env),
  };
  return Object.freeze(config);
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

function listOf(text: string | undefined): readonly string[] | null {
  if (text === undefined) return null;
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function invalid(key: ConfigKey, text: string, says: string): Failure {
  const { flag, variable } = configOptions[key];
  const name = flag.split(' ').find((word) => word.startsWith('--')) ?? flag;
  return new Failure('invalid_configuration', `${name} (or ${variable}) is "${text}": it must be ${says}.`);
}

function readConcurrency(text: string): number {
  const runs = Number(text);
  if (/^\d+$/.test(text) && runs >= 1 && runs <= slotsMax) return runs;
  throw invalid('concurrency', text, `a whole number from 1 to ${slotsMax}`);
}

function readGrace(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw invalid('shutdownGrace', text, 'a duration such as 30s, 2m or 1h30m');
}

function readCompatibility(text: string): boolean {
  if (text === 'hcp') return true;
  throw invalid('compatibility', text, 'hcp, or not given');
}

function readLogLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text);
  if (level !== undefined) return level;
  throw invalid('logLevel', text, `one of ${logLevels.join(', ')}`);
}

function checkProxy(text: string): void {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return;
  throw invalid('proxy', '…', 'a URL that begins with http:// or https://');
}

/** Fault points are for fault tests alone: anywhere else the variable stops the agent before it does anything. */
function readFault(env: Environment, kill: () => void): FaultPoint {
  const spec = nonEmpty(env['WAYSIDE_AGENT_FAULT']);
  if (spec === undefined) return noFaults;
  if (env['NODE_ENV'] === 'test') return faultPointOf(spec, kill);
  throw new Failure(
    'invalid_configuration',
    'WAYSIDE_AGENT_FAULT is set: it kills the agent on purpose and is allowed in fault tests only. Unset it.',
  );
}

function defaultStateDir(env: Environment, isRoot: boolean): string {
  if (isRoot) return '/var/lib/wayside-agent';
  const base = nonEmpty(env['XDG_STATE_HOME']) ?? join(nonEmpty(env['HOME']) ?? homedir(), '.local', 'state');
  return join(base, 'wayside-agent');
}

function proxyEnvOf(proxy: string | null, env: Environment): ProxyEnv {
  const https = proxy ?? nonEmpty(env['https_proxy']) ?? nonEmpty(env['HTTPS_PROXY']);
  const none = nonEmpty(env['no_proxy']) ?? nonEmpty(env['NO_PROXY']);
  return {
    ...(https === undefined ? {} : { https_proxy: https }),
    ...(none === undefined ? {} : { no_proxy: none }),
  };
}
