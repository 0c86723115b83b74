// What a dead agent left running, found and killed when it starts again, before it reports anything (dispatch.md,
// "agent process"; rules.md 15).
import type { Clock, Spawned } from './contract.ts';
import { createFences } from './fence.ts';
import type { Fence, Fences } from './fence.ts';
import { carriesTag, listProcesses, signal } from './processes.ts';
import type { ProcessEntry } from './processes.ts';
import { killMsMax, stopPollMsMin, survivorCharactersMax, survivorsMax } from '../protocol/limits.ts';

/** A record of the journal: what was started, for which run, in which boot of the machine. */
export interface SpawnRecord extends Spawned {
  readonly runId: string;
  readonly bootId: string | null;
}

export interface Leftovers {
  /** How many processes and containers were killed. */
  readonly killed: number;
  /** What is alive after all, or cannot be proved to be ours, in words. */
  readonly survivors: readonly string[];
}

/** Kills a container by its name or id. Answers true when it was there and is gone. */
export type KillContainer = (container: string) => Promise<boolean>;

interface Sighting {
  readonly ours: readonly ProcessEntry[];
  readonly doubtful: readonly ProcessEntry[];
}

/**
 * Kills the process groups of `records` whose leader matches in boot id, pid, start time and group, with all their
 * descendants, and every process that is in the control group or carries the tag of one of the `runs`. A member of a
 * process group whose leader is gone, that carries no tag and is in no control group of ours is named, not killed: it
 * cannot be proved to be ours.
 */
export async function killLeftovers(
  { records, runs }: { readonly records: readonly SpawnRecord[]; readonly runs: readonly string[] },
  options: {
    readonly clock: Clock;
    readonly bootId: string | null;
    readonly killContainer: KillContainer;
    readonly fences?: Fences;
  },
): Promise<Leftovers> {
  const { clock, bootId, fences = createFences() } = options;
  const thisBoot = records.filter((record) => record.bootId === bootId && record.group !== null);
  const tags = new Set([...runs, ...records.map((record) => record.runId)]);
  const fenced = [...tags].flatMap((runId) => fences.find(runId) ?? []);
  const killed = new Set<string>();
  const deadline = clock.boot() + killMsMax;
  let sighting = sight(await listProcesses(), { records: thisBoot, tags, fenced, killed });
  while (sighting.ours.length > 0 && clock.boot() < deadline) {
    for (const entry of sighting.ours) {
      killed.add(identityOf(entry));
      signal(entry.pid, 'SIGKILL');
    }
    for (const fence of fenced) fence.kill();
    await clock.sleep(stopPollMsMin);
    sighting = sight(await listProcesses(), { records: thisBoot, tags, fenced, killed });
  }
  for (const fence of fenced) fence.remove();
  const containers = await killContainers(records, options.killContainer);
  return {
    killed: killed.size + containers.killed,
    survivors: [
      ...sighting.ours.map(({ pid, name }) => `process ${pid} (${name}) does not die`),
      ...sighting.doubtful.map(({ pid, name }) => `process ${pid} (${name}) may be left over`),
      ...containers.survivors,
    ]
      .slice(0, survivorsMax)
      .map((survivor) => survivor.slice(0, survivorCharactersMax)),
  };
}

function sight(
  processes: readonly ProcessEntry[],
  {
    records,
    tags,
    fenced,
    killed,
  }: {
    readonly records: readonly SpawnRecord[];
    readonly tags: ReadonlySet<string>;
    readonly fenced: readonly Fence[];
    /** What was proved to be ours stays so while it dies, also when its leader is gone already. */
    readonly killed: ReadonlySet<string>;
  },
): Sighting {
  const inside = new Set(fenced.flatMap((fence) => fence.pids()));
  const byPid = new Map(processes.map((entry) => [entry.pid, entry]));
  const children = Map.groupBy(processes, (entry) => entry.parent);
  const ours = new Map<number, ProcessEntry>();
  const doubtful = new Map<number, ProcessEntry>();
  for (const entry of processes)
    if (killed.has(identityOf(entry)) || inside.has(entry.pid) || isTagged(entry, tags))
      ours.set(entry.pid, entry);
  for (const { group, startTime } of records) {
    const leader = byPid.get(group ?? 0);
    const members = processes.filter((entry) => entry.group === group);
    if (leader === undefined) for (const entry of members) doubtful.set(entry.pid, entry);
    else if (leader.startTime === startTime && leader.group === group) {
      for (const entry of members) ours.set(entry.pid, entry);
    }
  }
  // Map iteration goes on over what is added meanwhile, so this reaches every descendant.
  for (const entry of ours.values())
    for (const child of children.get(entry.pid) ?? []) ours.set(child.pid, child);
  for (const pid of [1, process.pid]) ours.delete(pid);
  for (const pid of ours.keys()) doubtful.delete(pid);
  return { ours: [...ours.values()], doubtful: [...doubtful.values()] };
}

/** Numbers of processes are used again; with the start time they are not. */
function identityOf({ pid, startTime }: ProcessEntry): string {
  return `${pid}:${startTime}`;
}

function isTagged(entry: ProcessEntry, tags: ReadonlySet<string>): boolean {
  for (const tag of tags) if (carriesTag(entry.pid, tag)) return true;
  return false;
}

async function killContainers(records: readonly SpawnRecord[], kill: KillContainer): Promise<Leftovers> {
  const survivors: string[] = [];
  let killed = 0;
  for (const { container } of records) {
    if (container === null) continue;
    try {
      if (await kill(container)) killed += 1;
    } catch (error) {
      survivors.push(`container ${container}: ${(error as Error).message}`);
    }
  }
  return { killed, survivors };
}
