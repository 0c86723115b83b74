// The process table's view of a run: everything alive that carries the run's tag in its environment.
import { readFileSync } from 'node:fs';
import { carriesTag, listProcesses, runTag } from '../../agent/processes.ts';

/** Pids of a run's processes, whatever session or group they are in. */
export async function processesOf(run: string): Promise<readonly number[]> {
  return (await listProcesses()).map(({ pid }) => pid).filter((pid) => carriesTag(pid, run));
}

/** Those of the runs of which a process is alive, by one look at all processes. */
export async function taggedAmong(runs: readonly string[]): Promise<readonly string[]> {
  const tags = new Set<string>();
  for (const { pid } of await listProcesses()) {
    const tag = tagOf(pid);
    if (tag !== null) tags.add(tag);
  }
  return runs.filter((run) => tags.has(run));
}

function tagOf(pid: number): string | null {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0');
    return environment.find((entry) => entry.startsWith(`${runTag}=`))?.slice(runTag.length + 1) ?? null;
  } catch {
    return null;
  }
}
