// `wayside …` in this process: the whole command tree over the real API, without the second that a process costs.
import { Readable } from 'node:stream';
import { buildProgram, runProgram } from '../../cli/program.ts';
import type { System } from './system.ts';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command as the first owner; `input` is its standard input. */
export async function runCli(
  system: Pick<System, 'url' | 'token' | 'folder'>,
  args: readonly string[],
  input = '',
): Promise<CliResult> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: false,
    write: (chunk: string | Uint8Array) => {
      written[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString();
      return true;
    },
  });
  let code = 0;
  const surroundings = {
    environment: {
      WAYSIDE_URL: system.url,
      WAYSIDE_TOKEN: system.token,
      HOME: system.folder,
      NO_COLOR: '1',
    },
    streams: { stdout: stream('stdout'), stderr: stream('stderr') },
    stdin: Readable.from([input]) as unknown as NodeJS.ReadStream,
    exit: (next: number) => {
      code = next;
    },
  };
  await runProgram(buildProgram(surroundings as never), args, surroundings as never);
  return { code, ...written };
}
