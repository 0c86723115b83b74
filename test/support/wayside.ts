// `wayside …` as a process of its own, as a person or a script runs it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

// Compiled code is shared between the processes of one test file, which halves what each costs.
const cache = mkdtempSync(join(tmpdir(), 'wayside-compiled-'));
process.once('exit', () => rmSync(cache, { recursive: true, force: true }));

const main = join(import.meta.dirname, '../../cli/main.ts');

/** Runs it to its end. The environment has nothing but PATH and what is given here. */
export async function wayside(
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string;
    /** Told of the pid as soon as the process is there. */
    readonly onStart?: (pid: number) => void;
  } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: cache, ...options.environment },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (written[name] += text));
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...written };
}
