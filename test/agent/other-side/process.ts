// The agent as its users start it: a process of its own, that can be killed.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Started dozens of times, the agent need not be compiled as often. */
const compileCache = join(tmpdir(), 'wayside-test-compile-cache');
const main = new URL('../../../agent/main.ts', import.meta.url).pathname;

export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface AgentProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
  kill(signal: NodeJS.Signals): void;
  stderr(): string;
}

export function spawnAgent(
  args: readonly string[],
  more: { readonly env?: Readonly<Record<string, string>>; readonly stdin?: string } = {},
): AgentProcess {
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH, HOME, NODE_ENV: 'test', NODE_COMPILE_CACHE: compileCache, ...more.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString('utf8')));
  child.stdin.on('error', () => undefined);
  child.stdin.end(more.stdin ?? '');
  const finished = new Promise<Finished>((resolve) => {
    child.on('close', (code, signal) => {
      resolve({ code, signal, stdout, stderr });
    });
  });
  return {
    child,
    finished,
    kill: (signal) => child.kill(signal),
    stderr: () => stderr,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await finished;
    },
  };
}
