// A whole system for a bench: a control plane and an agent as processes of their own, started by the same commands
// that a user starts, in a folder that goes when the bench is over.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..');
const readyMsMax = 60_000;
/** How many requests a token may make: what is measured is not the limiter. */
const unlimited = '100000000';

export interface SystemOptions {
  readonly folder: string;
  /** Modules that are loaded into a process before its program, for instance a probe. */
  readonly preload?: readonly string[];
  /** Of Node itself. */
  readonly flags?: readonly string[];
  readonly profile: string | null;
  /** Further environment of both processes. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface ServerProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly url: string;
  readonly agentUrl: string;
  readonly enrollUrl: string;
  /** The first owner's; empty where the folder was prepared. */
  readonly token: string;
  /** Throws for an answer that is no success. */
  api<Body>(method: string, path: string, body?: unknown): Promise<Body>;
}

/** A folder on the disk that the benches measure. */
export function openBenchFolder(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'wayside-bench-'));
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Starts `wayside server` on free ports; resolves when it listens. */
export async function startServerProcess(options: SystemOptions): Promise<ServerProcess> {
  const flags = ['--port', '0', '--agent-port', '0', '--enroll-port', '0', '--log-level', 'error'];
  const child = startNode(options, 'server', [
    join(root, 'cli/main.ts'),
    '--json',
    'server',
    '--data',
    join(options.folder, 'data'),
    '--requests-per-minute',
    unlimited,
    ...flags,
  ]);
  const line = await firstLine(child);
  const { url, agent_url, enroll_url, token } = JSON.parse(line) as Record<string, string | null>;
  const server = {
    url: url ?? '',
    agentUrl: agent_url ?? '',
    enrollUrl: enroll_url ?? '',
    token: token ?? '',
  };
  return {
    ...server,
    child,
    api: (method, path, body) => call(server, { method, path, body }),
    [Symbol.asyncDispose]: () => endProcess(child),
  };
}

export interface AgentProcess extends AsyncDisposable {
  readonly child: ChildProcess;
}

/** Makes the group, enrols an agent in it, and starts the agent with that file; resolves when its operation is a button. */
export async function startAgentProcess(
  options: SystemOptions,
  server: ServerProcess,
  agent: { readonly group: string; readonly operation: string; readonly file: string },
): Promise<AgentProcess> {
  const file = join(options.folder, 'agent.hcl');
  writeFileSync(file, agent.file);
  await server.api('POST', '/v1/projects/default/groups', { name: agent.group });
  const made = await server.api<{ token: string }>(
    'POST',
    `/v1/projects/default/groups/${agent.group}/tokens`,
    {},
  );
  const state = ['--state-dir', join(options.folder, 'agent')];
  const program = join(root, 'agent/main.ts');
  const enrolling = startNode({ ...options, preload: [], profile: null }, 'enroll', [
    program,
    'enroll',
    '--server',
    server.enrollUrl,
    '--name',
    'bench',
    ...state,
  ]);
  enrolling.stdin?.end(made.token);
  await ended(enrolling);
  if (enrolling.exitCode !== 0) throw new Error('the agent could not enrol');
  const child = startNode(options, 'agent', [program, 'run', '-c', file, '--log-level', 'error', ...state]);
  await until('the agent is online', async () => {
    const { items } = await server.api<{ items: { status: string }[] }>('GET', '/v1/projects/default/agents');
    return items[0]?.status === 'online';
  });
  const { group, operation } = agent;
  await server.api('POST', '/v1/projects/default/actions', { name: operation, group, operation });
  return { child, [Symbol.asyncDispose]: () => endProcess(child) };
}

/** Starts a program of the bench or of the product under this Node, with its errors on ours. */
export function startNode(
  options: Pick<SystemOptions, 'preload' | 'flags' | 'profile' | 'environment'>,
  name: string,
  args: readonly string[],
): ChildProcess {
  const preload = (options.preload ?? []).flatMap((module) => ['--import', module]);
  const { profile } = options;
  const cpu = profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profile, name)}`];
  return spawn(process.execPath, [...(options.flags ?? []), ...preload, ...cpu, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: tmpdir(), ...options.environment },
  });
}

/** The first line that a process prints when it is ready. */
export async function firstLine(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the process has no output');
  const lines = createInterface({ input: child.stdout });
  const answer: unknown = await Promise.race([
    once(lines, 'line'),
    ended(child),
    sleep(readyMsMax, null, { ref: false }),
  ]);
  if (!Array.isArray(answer)) throw new Error('a process of the bench did not get ready');
  return String(answer[0]);
}

export async function endProcess(child: ChildProcess): Promise<void> {
  child.stdin?.end();
  child.kill('SIGTERM');
  await Promise.race([ended(child), sleep(10_000, null, { ref: false })]);
  child.kill('SIGKILL');
  await ended(child);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

export async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyMsMax;
  while (!(await look())) {
    if (performance.now() > deadline) throw new Error(`waited too long until ${what}`);
    await sleep(20);
  }
}

async function call<Body>(
  server: { readonly url: string; readonly token: string },
  request: { readonly method: string; readonly path: string; readonly body: unknown },
): Promise<Body> {
  const { method, path, body } = request;
  const answer = await fetch(server.url + path, {
    method,
    headers: {
      authorization: `Bearer ${server.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} answered ${answer.status}: ${text}`);
  return JSON.parse(text) as Body;
}
