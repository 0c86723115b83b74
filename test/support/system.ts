// A whole system: a control plane and agents as processes of their own, on free ports and in one temporary folder,
// spoken to over the public API. They can be killed, and started again on what they left.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { enroll } from '../../agent/enroll.ts';
import { noFaults } from '../../agent/fault.ts';
import { openStateFolder } from '../../agent/identity.ts';
import type { Agent, Group } from '../../protocol/api/operations.ts';
import type { Run, RunEvent, RunStart } from '../../protocol/api/runs.ts';
import { isFinal } from '../../protocol/states.ts';
import type { RunState } from '../../protocol/states.ts';
import { engineEnvironment } from './engine.ts';
import { openLedger } from './ledger.ts';
import type { Ledger } from './ledger.ts';
import { startProgram } from './processes.ts';
import type { Ended, Program } from './processes.ts';
import { callApi } from './server.ts';
import type { ApiAnswer } from './server.ts';

export interface SystemOptions {
  /** Root of the source tree that both sides run; the checkout by default. */
  readonly sources?: string;
  /** Further options of `wayside server` by name. */
  readonly options?: Readonly<Record<string, string>>;
  /** Further environment of the control plane's process. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Groups to create at once. */
  readonly groups?: readonly string[];
  /** Where its control plane listens; free ports by default. */
  readonly ports?: Ports;
  /** Where the world reaches it, for instance a balancer in front of several control planes. */
  readonly front?: Ports;
  /** Called with the data folder before the control plane starts on it for the first time. */
  readonly prepare?: (dataFolder: string) => Promise<void>;
}

export interface Ports {
  readonly api: number;
  readonly agent: number;
  readonly enroll: number;
}

export interface AgentOptions {
  /** Text of its agent file, or of each file of a folder by name. */
  readonly hcl: string | Readonly<Record<string, string>>;
  /** The first is the one that it enrols into. */
  readonly groups?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Further arguments of `wayside-agent run`. */
  readonly args?: readonly string[];
  /** Flags of Node itself. */
  readonly node?: readonly string[];
  readonly sources?: string;
  /** Where it believes the control plane to be, for instance a proxy of the test. */
  readonly agentPort?: number;
}

export interface AgentProcess extends Program {
  readonly name: string;
  readonly stateFolder: string;
  /** Its agent file or folder, to be written again by a test of reloads. */
  readonly file: string;
  /** Waits until it was welcomed for the `count`th time in its life. */
  connected(count?: number): Promise<void>;
}

export interface Started {
  readonly inputs?: RunStart['inputs'];
  readonly priority?: number;
  readonly expires_in_ms?: number;
  readonly key?: string;
}

interface RunPage {
  readonly items: readonly Run[];
  readonly next_cursor: string | null;
}

export class System implements AsyncDisposable {
  readonly folder: string;
  readonly ledger: Ledger;
  readonly #options: SystemOptions;
  readonly #ports: Ports;
  readonly #programs: Program[] = [];
  #server: Program | null = null;
  #logs = '';
  #token = '';

  private constructor(folder: string, options: SystemOptions, ports: Ports) {
    this.folder = folder;
    this.#options = options;
    this.#ports = ports;
    this.ledger = openLedger(join(folder, 'ledger'));
  }

  /** Resolves when the control plane listens and the groups are there. */
  static async open(options: SystemOptions = {}): Promise<System> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'wayside-system-')));
    // Stays the same over restarts, and outside of what the kernel hands out: nobody takes it meanwhile.
    const system = new System(folder, options, options.ports ?? (await freePorts()));
    try {
      await options.prepare?.(system.dataFolder);
      await system.startServer();
      for (const name of options.groups ?? []) await system.createGroup(name);
      return system;
    } catch (cause) {
      await system[Symbol.asyncDispose]();
      throw cause;
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.ports.api}`;
  }

  get enrollUrl(): string {
    return `https://127.0.0.1:${this.ports.enroll}`;
  }

  get agentPort(): number {
    return this.ports.agent;
  }

  get ports(): Ports {
    return this.#options.front ?? this.#ports;
  }

  /** The first owner's. */
  get token(): string {
    return this.#token;
  }

  get dataFolder(): string {
    return join(this.folder, 'data');
  }

  get server(): Program {
    if (this.#server === null) throw new Error('the control plane was never started');
    return this.#server;
  }

  /** What every control plane of this system logged so far. */
  log(): string {
    return this.#logs + (this.#server?.stderr() ?? '');
  }

  /** Starts the control plane on the data that is there. Rejects with its words where it ends before it listens. */
  async startServer(
    environment: Readonly<Record<string, string>> = {},
    sources = this.#options.sources,
  ): Promise<void> {
    this.#logs = this.log();
    this.#server = await this.#launchServer(this.#ports, environment, sources);
    await this.#server.said(/"ready":true/, { msMax: 60_000 });
    const ready = JSON.parse(this.#server.stdout().split('\n')[0] ?? '') as { token: string | null };
    if (ready.token !== null) this.#token = ready.token;
  }

  /** Starts one more control plane over the same database; does not wait until it listens. */
  async launchReplica(ports: Ports): Promise<Program> {
    return this.#launchServer(ports, {}, this.#options.sources);
  }

  async #launchServer(
    ports: Ports,
    environment: Readonly<Record<string, string>>,
    sources: string | undefined,
  ): Promise<Program> {
    const program = startProgram('cli/main.ts', this.serverArguments(ports), {
      ...(sources === undefined ? {} : { sources }),
      cwd: this.folder,
      environment: {
        ...(await engineEnvironment(this.dataFolder)),
        ...this.#options.environment,
        ...environment,
      },
    });
    this.#programs.push(program);
    return program;
  }

  /** The arguments of `wayside` that start this system's control plane. */
  serverArguments(ports = this.#ports): readonly string[] {
    const { api, agent, enroll: enrollment } = ports;
    const options: Record<string, string> = {
      data: this.dataFolder,
      port: String(api),
      'agent-port': String(agent),
      'enroll-port': String(enrollment),
      'requests-per-minute': '1000000',
      ...this.#options.options,
    };
    const flags = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
    return ['--json', 'server', ...flags];
  }

  /** Ends the control plane, by default as the kernel would. */
  async stopServer(signal: NodeJS.Signals = 'SIGKILL'): Promise<Ended> {
    return this.server.kill(signal);
  }

  async api<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<ApiAnswer<Body>> {
    return callApi<Body>({ url: this.url, token: this.#token, method, path, body, headers });
  }

  /** The body of an answer that must be a success. */
  async ask<Body>(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string | undefined>>,
  ): Promise<Body> {
    const answer = await this.api<Body>(method, path, body, headers);
    if (answer.status >= 500) throw new Error(`${answer.text}\n${this.log().slice(-4_000)}`);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  async createGroup(
    name: string,
    kind: { readonly production?: boolean; readonly pinned?: boolean } = {},
  ): Promise<Group> {
    return this.ask('POST', '/v1/projects/default/groups', { name, ...kind });
  }

  async joinToken(group: string, also: readonly string[] = []): Promise<string> {
    const path = `/v1/projects/default/groups/${group}/tokens`;
    return (await this.ask<{ token: string }>('POST', path, { groups: also })).token;
  }

  stateFolder(name: string): string {
    return join(this.folder, 'agents', name, 'state');
  }

  /** Enrols with the agent's own code, in this process. Answers the state folder. */
  async enroll(name: string, groups: readonly string[]): Promise<string> {
    const [first = '', ...also] = groups;
    const stateFolder = this.stateFolder(name);
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    openStateFolder(stateFolder);
    await enroll({
      server: new URL(this.enrollUrl),
      token: await this.joinToken(first, also),
      stateFolder,
      proxyEnv: {},
      now: Date.now(),
      faultPoint: noFaults,
      name,
      replace: false,
    });
    return stateFolder;
  }

  /** Enrols an agent unless it is, writes its file, and starts it; does not wait until it is connected. */
  async launchAgent(name: string, options: AgentOptions): Promise<AgentProcess> {
    const { hcl, groups = ['main'], agentPort } = options;
    const stateFolder = this.stateFolder(name);
    const folder = join(stateFolder, '..');
    mkdirSync(folder, { recursive: true });
    const file = writeAgentFile(folder, hcl);
    const known = readOrNull(join(stateFolder, 'identity.json'));
    if (known === null) await this.enroll(name, groups);
    pointTo(stateFolder, agentPort ?? this.agentPort);
    const sources = options.sources ?? this.#options.sources;
    const program = startProgram(
      'agent/main.ts',
      ['run', '-c', file, '--state-dir', stateFolder, ...(options.args ?? [])],
      {
        ...(sources === undefined ? {} : { sources }),
        ...(options.node === undefined ? {} : { node: options.node }),
        cwd: folder,
        environment: options.environment ?? {},
      },
    );
    this.#programs.push(program);
    return {
      ...program,
      name,
      stateFolder,
      file,
      connected: (count = 1) => program.said(/Connected as/, { count, msMax: 60_000 }),
    };
  }

  /** The same, and waits until it was welcomed. */
  async startAgent(name: string, options: AgentOptions): Promise<AgentProcess> {
    const agent = await this.launchAgent(name, options);
    await agent.connected();
    return agent;
  }

  /** Makes a button of everything that the group's agents advertise. */
  async publish(group = 'main'): Promise<void> {
    await this.ask('POST', '/v1/projects/default/actions/publish-all', { group });
  }

  async agentNamed(name: string): Promise<Agent> {
    return this.ask('GET', `/v1/projects/default/agents/${name}`);
  }

  async press(action: string, started: Started = {}): Promise<Run> {
    const { key, ...body } = started;
    const headers = key === undefined ? {} : { 'idempotency-key': key };
    return this.ask('POST', `/v1/projects/default/actions/${action}/runs`, body, headers);
  }

  async run(id: string): Promise<Run> {
    return this.ask('GET', `/v1/runs/${id}`);
  }

  /** The run, as soon as it is in one of the states. */
  async reached(id: string, states: readonly RunState[], msMax = 60_000): Promise<Run> {
    let last: Run | null = null;
    await until(
      `run ${id} is ${states.join(' or ')}`,
      async () => {
        last = await this.run(id);
        // A run that has its verdict does not come back from there, but for the one way out of indeterminate.
        if (isFinal(last.state) && last.state !== 'indeterminate' && !states.includes(last.state)) {
          throw new Error(
            `run ${id} ended as ${last.state}: ${JSON.stringify(last.failure ?? last.outcome)}`,
          );
        }
        return states.includes(last.state);
      },
      msMax,
    );
    if (last === null) throw new Error('the run was not looked at');
    return last;
  }

  async ended(id: string, msMax = 60_000): Promise<Run> {
    return until(
      `run ${id} has ended`,
      async () => {
        const run = await this.run(id);
        return isFinal(run.state) ? run : null;
      },
      msMax,
    );
  }

  /** The runs in their order, as soon as all of them have ended; asks for many at once. */
  async allEnded(ids: readonly string[], msMax = 60_000): Promise<readonly Run[]> {
    await this.untilEnded(ids, msMax);
    const runs: Run[] = [];
    for (const id of ids) runs.push(await this.run(id));
    return runs;
  }

  /** Waits until all of the runs have ended; asks for many at once. */
  async untilEnded(ids: readonly string[], msMax = 60_000): Promise<void> {
    const waiting = new Set(ids);
    await until(
      `${ids.length} runs have ended`,
      async () => {
        const path = '/v1/projects/default/runs?state=active&limit=200';
        const { items, next_cursor } = await this.ask<RunPage>('GET', path);
        return next_cursor === null && !items.some(({ id }) => waiting.has(id));
      },
      msMax,
    );
  }

  /** All events that are stored; asks no further where there is number `last`. */
  async events(id: string, last = Infinity): Promise<readonly RunEvent[]> {
    const all: RunEvent[] = [];
    for (;;) {
      const path = `/v1/runs/${id}/events?limit=1000&after=${all.at(-1)?.seq ?? 0}`;
      const { items } = await this.ask<{ items: readonly RunEvent[] }>('GET', path);
      all.push(...items);
      if (items.length === 0 || (items.at(-1)?.seq ?? 0) >= last) return all;
    }
  }

  /** What the run printed, streams together. */
  async output(id: string): Promise<string> {
    return outputOf(await this.events(id));
  }

  /** Ends every process of the system and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs) program.process.kill('SIGKILL');
    await Promise.all(this.#programs.map(({ ended }) => ended.catch(() => undefined)));
    await until('the folder is gone', () => {
      rmSync(this.folder, { recursive: true, force: true });
      return true;
    });
  }
}

export function outputOf(events: readonly RunEvent[]): string {
  return events
    .flatMap((event) => (event.kind === 'output' ? [Buffer.from(event.bytes, 'base64').toString()] : []))
    .join('');
}

export function statesOf(events: readonly RunEvent[]): readonly RunState[] {
  return events.flatMap((event) => (event.kind === 'state' ? [event.state] : []));
}

/** Asks until `look` answers something other than null and false; fails with what was waited for. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  msMax = 60_000,
): Promise<T> {
  const deadline = performance.now() + msMax;
  // Looks less and less often: what is looked at needs the processor too.
  for (let waitMs = 20; ; waitMs = Math.min(waitMs * 1.2, 200)) {
    const seen = await look();
    if (seen !== undefined && seen !== null && seen !== false) return seen;
    if (performance.now() > deadline) throw new Error(`waited ${msMax} ms until ${what}`);
    await delay(waitMs);
  }
}

/** A `run` block's command that hands `script` to a shell, with further arguments `$0`, `$1` and so on. */
export function shell(script: string, ...args: readonly string[]): string {
  const texts = ['sh', '-c', script, ...args].map((text) =>
    JSON.stringify(text).replaceAll(/[$%]\{/g, (opening) => `${opening.charAt(0)}${opening}`),
  );
  return `command = [${texts.join(', ')}]`;
}

function writeAgentFile(folder: string, hcl: AgentOptions['hcl']): string {
  if (typeof hcl === 'string') {
    const file = join(folder, 'agent.hcl');
    writeFileSync(file, hcl);
    return file;
  }
  const files = join(folder, 'agent.d');
  mkdirSync(files, { recursive: true });
  for (const [name, text] of Object.entries(hcl)) writeFileSync(join(files, name), text);
  return files;
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Changes where the agent of a state folder dials: what enrolment told, with another port. */
function pointTo(stateFolder: string, port: number): void {
  const path = join(stateFolder, 'identity.json');
  const identity = JSON.parse(readFileSync(path, 'utf8')) as { agent_url: string };
  const url = new URL(identity.agent_url);
  url.port = String(port);
  writeFileSync(path, JSON.stringify({ ...identity, agent_url: url.href }), { mode: 0o600 });
}

const portMin = 12_000;
const portMax = 32_000;

/** Ports that nobody listens on, below those that the kernel hands out for outgoing connections. */
export async function freePorts(): Promise<Ports> {
  const found = new Set<number>();
  while (found.size < 3) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin));
    if (await isFree(port)) found.add(port);
  }
  const [api = 0, agent = 0, enrollment = 0] = found;
  return { api, agent, enroll: enrollment };
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}
