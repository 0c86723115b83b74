// What an execution takes from the machine that it runs on, read once at the edge of the process; a test gives its own.
import { accessSync, constants } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { homedir, userInfo } from 'node:os';
import { createFences } from './fence.ts';
import type { Fences } from './fence.ts';
import { createKeeper } from './keeper.ts';
import type { Keeper } from './keeper.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ExecutionHost {
  /** The agent's own environment, of which children see only what the settings say. */
  readonly environment: Environment;
  readonly home: string;
  /** The agent's own user. */
  readonly uid: number;
  /** IANA name of the machine's time zone. */
  readonly timeZone: string;
  /** Where commands without `dir` run. */
  readonly cwd: string;
  readonly keeper: Keeper;
  readonly fences: Fences;
  /** Every address of a name, in the order in which they are to be tried. Rejects with an error that has a `code`. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
}

export const pathDefault = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** This machine, as the agent's process sees it. */
export function hostOf({ env, cwd }: { readonly env: Environment; readonly cwd: string }): ExecutionHost {
  return {
    environment: env,
    home: homedir(),
    uid: userInfo().uid,
    timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    cwd,
    fences: createFences(),
    keeper: createKeeper({ env: engineEnvironment({ environment: env }) }),
    resolve: async (name) => (await lookup(name, { all: true })).map(({ address }) => address),
  };
}

/** `$SHELL` where it is a program that runs commands, else the system's shell. */
export function shellOf({ environment }: Pick<ExecutionHost, 'environment'>): string {
  const shell = environment['SHELL'] ?? '';
  // The accounts of services have these instead of a shell.
  const refuses = /\/(?:nologin|false|true)$/.test(shell);
  return shell.startsWith('/') && !refuses && isProgram(shell) ? shell : '/bin/sh';
}

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * The environment of a child (R4): PATH, HOME, LANG, TZ, the variables that the settings let it inherit, what the
 * operation sets, and the tag of its run, which nothing overrides.
 */
export function childEnvironment(
  host: Pick<ExecutionHost, 'environment' | 'home' | 'timeZone'>,
  {
    inherit,
    given,
    runId,
    own = {},
    home = host.home,
  }: {
    readonly inherit: readonly string[];
    /** What the agent gives it by itself, and the operation may set otherwise. */
    readonly own?: Readonly<Record<string, string>>;
    readonly given: ReadonlyMap<string, { readonly value: string }>;
    readonly runId: string;
    readonly home?: string;
  },
): Record<string, string> {
  const { environment, timeZone } = host;
  const inherited = inherit.flatMap((name) => {
    const value = environment[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries([
    ['PATH', environment['PATH'] ?? pathDefault],
    ['HOME', home],
    ['LANG', environment['LANG'] ?? 'C.UTF-8'],
    ['TZ', environment['TZ'] ?? timeZone],
    ...inherited,
    ...Object.entries(own),
    ...[...given].map(([name, { value }]) => [name, value] as const),
    ['WAYSIDE_RUN_ID', runId],
  ]) as Record<string, string>;
}

/** Variables of the agent by which container engines are configured; they go to an engine, never into a container. */
export const engineVariables =
  /^(?:PATH|HOME|USER|XDG_.*|DOCKER_.*|CONTAINER_.*|CONTAINERS_.*|TMPDIR|SSH_AUTH_SOCK)$/;

/** What of the agent's environment an engine's client needs. */
export function engineEnvironment({
  environment,
}: Pick<ExecutionHost, 'environment'>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries({ PATH: pathDefault, ...environment }).filter(
      (entry): entry is [string, string] => engineVariables.test(entry[0]) && entry[1] !== undefined,
    ),
  );
}
