// Programs of ours as processes of their own: started with a scrubbed environment, their words kept, their end awaited.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** The checkout that the tests stand in. */
export const repository = join(import.meta.dirname, '../..');

/** Compiled code of earlier starts: a process starts in half the time. */
export const compileCache = join(repository, 'node_modules/.cache/wayside-compiled');

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Program {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Everything that it wrote to standard error so far. */
  stderr(): string;
  stdout(): string;
  readonly ended: Promise<Ended>;
  isAlive(): boolean;
  /** Sends the signal and waits for the end. */
  kill(signal?: NodeJS.Signals): Promise<Ended>;
  /** Waits until it has written something that matches to standard error or output; fails when it ends before. */
  said(pattern: RegExp, options?: { readonly count?: number; readonly msMax?: number }): Promise<void>;
}

export interface ProgramOptions {
  /** Root of the source tree to run; the checkout by default. */
  readonly sources?: string;
  readonly cwd?: string;
  /** The whole environment besides PATH and HOME. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Flags of Node itself. */
  readonly node?: readonly string[];
  /** User and group to run as; only root may say so. */
  readonly uid?: number;
}

/** Starts `node script …args`, where `script` is a path in the source tree. */
export function startProgram(script: string, args: readonly string[], options: ProgramOptions = {}): Program {
  const { sources = repository, cwd = '/', environment = {}, input, node = [], uid } = options;
  mkdirSync(compileCache, { recursive: true });
  const child = spawn(process.execPath, [...node, join(sources, script), ...args], {
    cwd,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: cwd,
      ...(uid === undefined ? { NODE_COMPILE_CACHE: compileCache } : {}),
      ...environment,
    },
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(input ?? '');
  const written = { stdout: '', stderr: '' };
  const waiting: (() => void)[] = [];
  const heard = (): void => {
    for (const wake of waiting.splice(0)) wake();
  };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      written[stream] += chunk.toString();
      heard();
    });
  }
  let end: Ended | null = null;
  const ended = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      end = { code, signal };
      heard();
      resolve(end);
    });
  });
  return {
    process: child,
    pid: child.pid ?? 0,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    ended,
    isAlive: () => end === null,
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal);
      return ended;
    },
    said: async (pattern, { count = 1, msMax = 30_000 } = {}) => {
      const every = new RegExp(pattern, `${pattern.flags.replace('g', '')}g`);
      const deadline = performance.now() + msMax;
      for (;;) {
        const text = written.stdout + written.stderr;
        if ([...text.matchAll(every)].length >= count) return;
        const left = deadline - performance.now();
        if (end !== null || left <= 0) {
          const how = end === null ? `within ${msMax} ms` : `before its end (${end.code ?? end.signal})`;
          throw new Error(`${script} did not say ${String(pattern)} ${how}:\n${text}`);
        }
        await Promise.race([new Promise<void>((resolve) => waiting.push(resolve)), delay(left)]);
      }
    },
  };
}

/** Runs a program to its end. */
export async function runProgram(
  script: string,
  args: readonly string[],
  options: ProgramOptions = {},
): Promise<Ended & { readonly stdout: string; readonly stderr: string }> {
  const program = startProgram(script, args, options);
  const ended = await program.ended;
  return { ...ended, stdout: program.stdout(), stderr: program.stderr() };
}
