// Starts one process in its own group and session, with exactly the environment it is given, and reads what it
// prints as bytes, no faster than they are taken.
import type { Readable } from 'node:stream';
import { execa } from 'execa';
import { Failure } from '../protocol/failures.ts';
import type { Clock } from './contract.ts';
import type { Fence } from './fence.ts';
import type { Keeper } from './keeper.ts';
import { readStartTime } from './processes.ts';
import { settlesWithin } from './settle.ts';
import { groupIsAlive, stopTree } from './stop.ts';
import type { StopReport } from './stop.ts';
import { leftoverGraceMs, pipeDrainMs } from '../protocol/limits.ts';

export interface ProcessRequest {
  /** A path, or a name that is looked for in the PATH of `env`. */
  readonly file: string;
  /** What the program sees as its own name, where that is not `file`. */
  readonly argv0?: string;
  readonly args: readonly string[];
  readonly dir: string;
  /** The whole environment of the process. */
  readonly env: Readonly<Record<string, string>>;
  readonly runId: string;
}

/** How the process itself ended. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface RunningProcess {
  readonly pid: number;
  readonly startTime: string | null;
  /** When the process itself has ended, whatever it left behind. */
  readonly exited: Promise<Exit>;
  /**
   * Calls `take` with each chunk and reads on when it resolves. Settles when both pipes have ended or were closed.
   * Called once.
   */
  read(take: (stream: 'stdout' | 'stderr', chunk: Uint8Array) => Promise<void>): Promise<void>;
  /** Stops all that the process started; see stopTree. The pipes then have a moment to end, and are closed. */
  stop(graceMs: number): Promise<StopReport>;
  /**
   * After `exited`: stops what was left behind in the group or holds a pipe, and waits until everything that was
   * printed is taken, however slowly. Null when nothing was left behind.
   */
  cleanUp(): Promise<StopReport | null>;
}

interface Surroundings {
  readonly clock: Clock;
  readonly keeper: Keeper;
  readonly fence: Fence | null;
}

/** Starts the process. Throws `exec_not_found`, `exec_not_permitted` or `exec_failed`; nothing was started then. */
export async function startProcess(
  request: ProcessRequest,
  surroundings: Surroundings,
): Promise<RunningProcess> {
  const start = () =>
    execa(request.file, request.args, {
      cwd: request.dir,
      ...(request.argv0 === undefined ? {} : { argv0: request.argv0 }),
      env: request.env,
      extendEnv: false,
      stdin: 'ignore',
      buffer: false,
      reject: false,
      encoding: 'buffer',
      killDescendants: true,
      cleanup: false,
    });
  const child = surroundings.fence === null ? start() : surroundings.fence.within(start);
  if (child.pid === undefined) throw spawnFailure(request, await child);
  const exited = new Promise<Exit>((resolve) => {
    child.nodeChildProcess.once('exit', (code, signal) => {
      resolve({ code, signal });
    });
  });
  const pipes = [child.stdout, child.stderr] as const;
  // Nobody may read them before we do: a stream that is not paused is drained when the process has ended.
  for (const pipe of pipes) pipe.pause();
  return supervise({ leader: child.pid, runId: request.runId, exited, pipes }, surroundings);
}

function supervise(
  started: {
    readonly leader: number;
    readonly runId: string;
    readonly exited: Promise<Exit>;
    readonly pipes: readonly [stdout: Readable, stderr: Readable];
  },
  { clock, keeper, fence }: Surroundings,
): RunningProcess {
  const { leader, runId, exited, pipes } = started;
  const startTime = readStartTime(leader);
  let reading = Promise.resolve();
  keeper.watch({ group: leader, runId });

  async function stop(graceMs: number): Promise<StopReport> {
    const report = await stopTree({ leader, startTime, runId, fence }, { graceMs, clock });
    keeper.forget({ group: leader, runId });
    await settlesWithin(reading, { ms: pipeDrainMs, clock });
    for (const pipe of pipes) pipe.destroy();
    return report;
  }

  async function cleanUp(): Promise<StopReport | null> {
    const drained = await settlesWithin(reading, { ms: pipeDrainMs, clock });
    if (drained && !groupIsAlive(leader)) {
      keeper.forget({ group: leader, runId });
      return null;
    }
    const report = await stopTree({ leader, startTime, runId, fence }, { graceMs: leftoverGraceMs, clock });
    keeper.forget({ group: leader, runId });
    // Whoever is still alive may hold a pipe for ever; else the end of what was printed is on its way.
    if (report.survivors.length > 0) for (const pipe of pipes) pipe.destroy();
    await reading;
    return report.stopped > 0 ? report : null;
  }

  return {
    pid: leader,
    startTime,
    exited,
    read: (take) => {
      const both = [
        readPipe(pipes[0], (chunk) => take('stdout', chunk)),
        readPipe(pipes[1], (chunk) => take('stderr', chunk)),
      ];
      reading = Promise.all(both).then(() => undefined);
      return reading;
    },
    stop,
    cleanUp,
  };
}

async function readPipe(pipe: Readable, take: (chunk: Uint8Array) => Promise<void>): Promise<void> {
  try {
    for await (const chunk of pipe) await take(chunk as Uint8Array);
  } catch (error) {
    // We closed it ourselves, because what held it open would not end.
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

function spawnFailure(
  request: ProcessRequest,
  { code, cause }: { readonly code?: string | undefined; readonly cause?: unknown },
): Failure {
  const { file, dir } = request;
  switch (code) {
    case 'ENOENT':
      return new Failure(
        'exec_not_found',
        `${file} was not found, or the interpreter that its first line names was not (in ${dir}).`,
        { cause },
      );
    case 'EACCES':
    case 'EPERM':
      return new Failure('exec_not_permitted', `${file} may not be executed: check its mode and its owner.`, {
        cause,
      });
    case 'E2BIG':
      return new Failure('exec_failed', `The arguments and the environment of ${file} are too long.`, {
        cause,
      });
    default:
      return new Failure('exec_failed', `${file} could not be started (${code ?? 'unknown error'}).`, {
        cause,
      });
  }
}
