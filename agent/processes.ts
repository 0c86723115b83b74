// What the operating system knows of processes: who is alive, whose child it is, which run it belongs to. Linux has
// it in /proc (proc(5)); elsewhere `ps` has to do, which shows no environment.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setImmediate as breathe } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The variable in every child's environment that says which run started it. */
export const runTag = 'WAYSIDE_RUN_ID';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** Clock ticks since boot at which it started, as text: with the pid it names one process for good. */
  readonly startTime: string;
  readonly name: string;
}

/** So many processes are read before other work gets its turn. */
const readsPerTurn = 64;

/** One process, or null when there is none or only what is left of a dead one. Needs /proc. */
export function readProcess(pid: number): ProcessEntry | null {
  try {
    // Asking first is much cheaper than an exception for each number that nobody has.
    if (!existsSync(`/proc/${pid}`)) return null;
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
  } catch {
    return null;
  }
}

/** Start time of a process, also of one that has ended and was not waited for; null where there is no /proc. */
export function readStartTime(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** The second field is the name in parentheses, in which anything may stand, so the fields count from its end. */
function parseStat(text: string): ProcessEntry | null {
  const open = text.indexOf('(');
  const close = text.lastIndexOf(')');
  const fields = text.slice(close + 2).split(' ');
  const [state = 'X', parent = '0', group = '0', session = '0'] = fields;
  if (state === 'Z' || state === 'X') return null;
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    startTime: fields[19] ?? '',
    name: text.slice(open + 1, close),
  };
}

/** Every process that is alive. */
export async function listProcesses(): Promise<readonly ProcessEntry[]> {
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return listByPs();
  }
  const pids = names.map(Number).filter(Number.isInteger);
  return pids.length === 0 ? listByPs() : readAll(pids);
}

/**
 * Every process that is alive and was started after `pid` was, `ageMs` ago; others may be among them. Numbers are
 * given in order, so that these are few, as long as they cannot have gone round since.
 */
export async function listYounger(
  pid: number,
  { ageMs }: { readonly ageMs: number },
): Promise<readonly ProcessEntry[]> {
  const last = lastPid();
  const range = last === null ? Infinity : last - pid;
  if (last === null || range < 0 || range > youngerMax || ageMs * forksPerMsMax > pidMax()) {
    return listProcesses();
  }
  return readAll(Array.from({ length: range }, (_, at) => pid + 1 + at));
}

/** More than this many numbers are not tried one by one. */
const youngerMax = 1_000;
/** No machine forks faster than this. */
const forksPerMsMax = 100;

/** The number that was given last (proc(5), "/proc/loadavg", fifth field); null where there is no /proc. */
function lastPid(): number | null {
  try {
    return Number(readFileSync('/proc/loadavg', 'latin1').trim().split(' ')[4]);
  } catch {
    return null;
  }
}

function pidMax(): number {
  try {
    return Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'));
  } catch {
    return 0;
  }
}

async function readAll(pids: readonly number[]): Promise<readonly ProcessEntry[]> {
  const entries: ProcessEntry[] = [];
  for (const [at, pid] of pids.entries()) {
    const entry = readProcess(pid);
    if (entry !== null) entries.push(entry);
    if (at % readsPerTurn === readsPerTurn - 1) await breathe();
  }
  return entries;
}

async function listByPs(): Promise<readonly ProcessEntry[]> {
  const columns = 'pid=,ppid=,pgid=,stat=,lstart=,ucomm=';
  try {
    const { stdout } = await promisify(execFile)('ps', ['-A', '-o', columns], { env: { LC_ALL: 'C' } });
    return stdout.split('\n').flatMap(parsePsLine);
  } catch {
    return [];
  }
}

/** `lstart` is five words, for instance `Tue Nov 24 14:02:56 2026`. The group stands in for the session. */
function parsePsLine(line: string): readonly ProcessEntry[] {
  const [pid, parent, group, state, ...rest] = line.trim().split(/\s+/);
  if (pid === undefined || state === undefined || state.startsWith('Z')) return [];
  return [
    {
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: Number(group),
      startTime: rest.slice(0, 5).join(' '),
      name: rest.slice(5).join(' '),
    },
  ];
}

/**
 * True when the process was started with the tag of this run. The kernel shows an environment only to its own user
 * and to root. It is what the process was given, whatever it does with it later.
 */
export function carriesTag(pid: number, runId: string): boolean {
  try {
    return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${runTag}=${runId}\0`);
  } catch {
    return false;
  }
}

/** Sends a signal to a process, or to a whole group when `id` is negative. False when there is nobody to get it. */
export function signal(id: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(id, name);
    return true;
  } catch (error) {
    // EPERM: it is there, and it is not ours.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
