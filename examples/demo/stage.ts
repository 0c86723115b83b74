// The stage of the demo: a temporary folder, the processes in it, and their end, whatever happens.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

const root = join(import.meta.dirname, '..', '..');
const readyMsMax = 20_000;

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Ready {
  readonly url: string;
  readonly token: string;
  readonly enroll_url: string;
}

export interface Stage {
  readonly folder: string;
  /** What only the agent and the private service know. */
  readonly deployerKey: string;
  readonly ledger: string;
  readonly server: Ready;
  readonly servicePort: number;
  /** Runs `wayside …` to its end. */
  wayside(args: readonly string[], input?: string): Promise<Finished>;
  /** Starts `wayside …`; its lines come as they are printed. */
  waysideLive(args: readonly string[]): {
    readonly process: ChildProcess;
    readonly lines: AsyncIterable<string>;
  };
  agentCommand(args: readonly string[], input?: string): Promise<Finished>;
  startAgent(): Promise<ChildProcess>;
  close(): Promise<void>;
}

/** Starts the private service and the control plane. `serviceKey` differs from the agent's where a step is broken. */
export async function openStage(options: { readonly serviceKey?: string } = {}): Promise<Stage> {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-demo-'));
  const children = new Set<ChildProcess>();
  const deployerKey = randomBytes(18).toString('base64url');
  const ledger = join(folder, 'ledger');
  const close = async () => {
    await Promise.all([...children].map(endProcess));
    await rm(folder, { recursive: true, force: true });
  };
  const start = (script: string, args: readonly string[], extra: Readonly<Record<string, string>> = {}) => {
    const child = spawn(process.execPath, [join(root, script), ...args], {
      cwd: folder,
      env: { ...process.env, XDG_CONFIG_HOME: join(folder, 'config'), NO_COLOR: '1', ...extra },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    children.add(child);
    child.once('exit', () => children.delete(child));
    // A process that ends before it has read its input is no error of the stage.
    child.stdin.on('error', () => undefined);
    return child;
  };
  try {
    await writeFile(ledger, '');
    const service = start('examples/demo/private-service.ts', [], { KEY: options.serviceKey ?? deployerKey });
    const { port: servicePort } = (await firstJson(service)) as { port: number };
    await writeAgentFile(folder, servicePort);
    const ports = ['--port', '0', '--agent-port', '0', '--enroll-port', '0'];
    const server = start('cli/main.ts', [
      '--json',
      'server',
      '--data',
      'data',
      '--log-level',
      'warn',
      ...ports,
    ]);
    const ready = (await firstJson(server)) as Ready;
    const environment = { WAYSIDE_URL: ready.url, DEMO_DEPLOYER_KEY: deployerKey, DEMO_LEDGER: ledger };
    const run = async (script: string, args: readonly string[], input = ''): Promise<Finished> => {
      const child = start(script, args, environment);
      child.stdin.end(input);
      const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), exited(child)]);
      return { code: child.exitCode, stdout, stderr };
    };
    const state = ['--state-dir', join(folder, 'agent')];
    return {
      folder,
      deployerKey,
      ledger,
      server: ready,
      servicePort,
      wayside: (args, input) => run('cli/main.ts', args, input),
      waysideLive: (args) => {
        const process = start('cli/main.ts', args, environment);
        process.stdin.end();
        return { process, lines: createInterface({ input: process.stdout }) };
      },
      agentCommand: (args, input) => run('agent/main.ts', [...args, ...state], input),
      startAgent: async () => {
        const agent = start('agent/main.ts', ['run', '-c', 'hcl', ...state], environment);
        keepTail(agent, join(folder, 'agent.log'));
        await Promise.race([sleep(100), exited(agent)]);
        return agent;
      },
      close,
    };
  } catch (cause) {
    await close();
    throw cause;
  }
}

/** The examples' file with the port that the private service really has. */
async function writeAgentFile(folder: string, port: number): Promise<void> {
  const source = await readFile(join(root, 'examples', 'hcl', 'demo.hcl'), 'utf8');
  await mkdir(join(folder, 'hcl'));
  await writeFile(join(folder, 'hcl', 'demo.hcl'), source.replaceAll('127.0.0.1:7499', `127.0.0.1:${port}`));
}

async function firstJson(child: ChildProcess): Promise<unknown> {
  const complaints: string[] = [];
  child.stderr?.on('data', (chunk: Buffer) => complaints.push(chunk.toString()));
  if (child.stdout === null) throw new Error('the process has no output');
  const lines = createInterface({ input: child.stdout });
  const answer = await Promise.race([once(lines, 'line'), exited(child), sleep(readyMsMax)]);
  if (!Array.isArray(answer)) throw new Error(`a process did not get ready: ${complaints.join('')}`);
  return JSON.parse(String(answer[0]));
}

function keepTail(child: ChildProcess, path: string): void {
  let tail = '';
  const keep = (chunk: Buffer): void => {
    tail = (tail + chunk.toString()).slice(-20_000);
    void writeFile(path, tail).catch(() => undefined);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
}

async function exited(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  await once(child, 'exit');
}

async function endProcess(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await Promise.race([exited(child), sleep(6_000)]);
  child.kill('SIGKILL');
  await exited(child);
}
