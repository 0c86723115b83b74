// The process table's view of a run: everything alive that carries the run's tag in its environment.
import { carriesTag, listProcesses } from '../../agent/processes.ts';

/** Pids of a run's processes, whatever session or group they are in. */
export async function processesOf(run: string): Promise<readonly number[]> {
  return (await listProcesses()).map(({ pid }) => pid).filter((pid) => carriesTag(pid, run));
}
