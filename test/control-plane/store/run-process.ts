// Runs one of the programs in processes/ as a process of its own, with the Node that runs the test.
import { spawn } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface Running {
  readonly child: ChildProcess;
  /** Complete lines of standard output so far. */
  readonly lines: string[];
  /** Resolves when a line of it satisfies `wanted`; rejects when the process ends first. */
  line(wanted: (line: string) => boolean): Promise<string>;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null }>;
}

export function runProcess(
  name: string,
  args: readonly string[],
  options: SpawnOptions & { readonly prefix?: readonly string[] } = {},
): Running {
  const program = fileURLToPath(new URL(`./processes/${name}`, import.meta.url));
  const [command = '', ...rest] = [...(options.prefix ?? []), process.execPath, program, ...args];
  const child = spawn(command, rest, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines: string[] = [];
  const watchers = new Set<() => void>();
  let rest_ = '';
  let errors = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    const parts = (rest_ + bytes.toString()).split('\n');
    rest_ = parts.pop() ?? '';
    lines.push(...parts);
    for (const watch of watchers) watch();
  });
  child.stderr?.on('data', (bytes: Buffer) => (errors += bytes.toString()));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const line = (wanted: (line: string) => boolean) =>
    new Promise<string>((resolve, reject) => {
      const watch = () => {
        const found = lines.find(wanted);
        if (found === undefined) return;
        watchers.delete(watch);
        resolve(found);
      };
      watchers.add(watch);
      watch();
      void ended.then(({ code, signal }) => {
        watch();
        reject(new Error(`it ended (${code ?? signal}) with: ${lines.join('\n')}\n${errors}`));
      }, reject);
    });
  return { child, lines, line, ended };
}
