// Stops everything that an operation started: terminate, grace, kill, until nothing of it is left, those included
// that left the group or the session or were orphaned on the way.
import type { Clock } from './contract.ts';
import type { Fence } from './fence.ts';
import { carriesTag, listProcesses, listYounger, signal } from './processes.ts';
import type { ProcessEntry } from './processes.ts';
import { killMsMax, stopPollMsMax, stopPollMsMin } from '../protocol/limits.ts';

/** What belongs to one operation: the leader's group and session, everything below it, everything with its tag. */
export interface ProcessTree {
  /** Pid of the leader, which is also its group and its session. */
  readonly leader: number;
  /** Start time of the leader as `readProcess` gives it; null where the platform gives none. */
  readonly startTime: string | null;
  readonly runId: string;
  /** What is in it belongs to the run, whatever it looks like. */
  readonly fence?: Fence | null;
}

export interface StopReport {
  /** How many processes were signaled. */
  readonly stopped: number;
  /** What is alive after all, for instance `1234 (postgres)`. */
  readonly survivors: readonly string[];
}

/**
 * Asks every process of the tree to terminate, waits `graceMs`, then kills what is left and what it forked
 * meanwhile, for `killMsMax` at the most. With a grace of 0 it kills at once.
 */
export async function stopTree(
  tree: ProcessTree,
  { graceMs, clock }: { readonly graceMs: number; readonly clock: Clock },
): Promise<StopReport> {
  const tracker = trackTree(tree);
  await tracker.look();
  if (graceMs > 0 && tracker.alive().length > 0) {
    signalAll(tree.leader, tracker.alive(), 'SIGTERM');
    await waitUntilGone(tracker, { ms: graceMs, clock });
  }
  const deadline = clock.boot() + killMsMax;
  let pause = stopPollMsMin;
  for (;;) {
    await tracker.look();
    const alive = tracker.alive();
    if (alive.length === 0 || clock.boot() >= deadline) break;
    signalAll(tree.leader, alive, 'SIGKILL');
    tree.fence?.kill();
    await clock.sleep(pause);
    pause = Math.min(pause * 2, stopPollMsMax);
  }
  return { stopped: tracker.seen(), survivors: tracker.alive().map(({ pid, name }) => `${pid} (${name})`) };
}

/** The first process of a run. */
export interface FirstProcess {
  readonly pid: number;
  readonly startTime: string | null;
  readonly ageMs: number;
}

/** The same for everything that is in the fence of a run, or carries its tag, wherever it is. */
export async function stopTagged(
  {
    runId,
    first,
    fence,
  }: { readonly runId: string; readonly first: FirstProcess; readonly fence: Fence | null },
  options: { readonly graceMs: number; readonly clock: Clock },
): Promise<StopReport> {
  const tree = { leader: nobody, startTime: first.startTime, runId, fence };
  // The fence shows what it took in; the tag also what was forked in the moment before.
  const isClean =
    (fence?.pids() ?? []).length === 0 &&
    !(await listYounger(first.pid, first)).some(({ pid }) => carriesTag(pid, runId));
  return isClean ? { stopped: 0, survivors: [] } : stopTree(tree, options);
}

/** No process, group or session has this number; zero is that of the kernel's own. */
const nobody = -1;

/** True when the operation's process group still has a member; cheap, and blind for those that left it. */
export function groupIsAlive(leader: number): boolean {
  return signal(-leader, 0);
}

interface Tracker {
  /** Looks for members that are new and forgets those that have died. */
  look(): Promise<void>;
  alive(): readonly ProcessEntry[];
  seen(): number;
}

/** Once seen, a process is followed by pid and start time, also when its parent dies and init adopts it. */
function trackTree(tree: ProcessTree): Tracker {
  const members = new Map<number, ProcessEntry>();
  const seen = new Set<string>();
  return {
    look: async () => {
      const processes = await listProcesses();
      const found = membersAmong(processes, tree, members);
      members.clear();
      for (const entry of found) {
        members.set(entry.pid, entry);
        seen.add(`${entry.pid}:${entry.startTime}`);
      }
    },
    alive: () => [...members.values()],
    seen: () => seen.size,
  };
}

function membersAmong(
  processes: readonly ProcessEntry[],
  tree: ProcessTree,
  known: ReadonlyMap<number, ProcessEntry>,
): readonly ProcessEntry[] {
  const { leader, startTime, runId } = tree;
  // A number is free again when nobody uses it as pid, group or session: then nothing of ours has it.
  const taken = processes.some(
    (entry) => entry.pid === leader && startTime !== null && entry.startTime !== startTime,
  );
  const fenced = new Set(tree.fence?.pids() ?? []);
  const children = Map.groupBy(processes, (entry) => entry.parent);
  const found = new Map<number, ProcessEntry>();
  const queue = processes.filter(
    (entry) =>
      fenced.has(entry.pid) ||
      (!taken && (entry.pid === leader || entry.group === leader || entry.session === leader)) ||
      known.get(entry.pid)?.startTime === entry.startTime ||
      (!isOlder(entry, startTime) && carriesTag(entry.pid, runId)),
  );
  for (const entry of queue) {
    if (found.has(entry.pid) || entry.pid === process.pid || entry.pid === 1) continue;
    found.set(entry.pid, entry);
    queue.push(...(children.get(entry.pid) ?? []));
  }
  return [...found.values()];
}

/** A process that started before the leader is none of its descendants, which saves reading its environment. */
function isOlder(entry: ProcessEntry, startTime: string | null): boolean {
  return startTime !== null && Number(entry.startTime) < Number(startTime);
}

function signalAll(leader: number, members: readonly ProcessEntry[], name: NodeJS.Signals): void {
  if (members.some(({ group }) => group === leader)) signal(-leader, name);
  for (const { pid, group } of members) if (group !== leader) signal(pid, name);
  // A process that was stopped handles nothing until it goes on.
  if (name === 'SIGTERM') signalAll(leader, members, 'SIGCONT');
}

async function waitUntilGone(
  tracker: Tracker,
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
): Promise<void> {
  const deadline = clock.boot() + ms;
  let pause = stopPollMsMin;
  while (clock.boot() < deadline) {
    await clock.sleep(Math.min(pause, Math.max(1, deadline - clock.boot())));
    await tracker.look();
    if (tracker.alive().length === 0) return;
    pause = Math.min(pause * 2, stopPollMsMax);
  }
}
