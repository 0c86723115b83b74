// All steps out of one state, in a fixed order: what goes on by itself, and what disturbs it while the scope allows.
import { disturb } from './faults.ts';
import { goOn } from './progress.ts';
import type { Scope } from './scope.ts';
import { isFinal } from '../../protocol/states.ts';
import { noticeEnds } from './network.ts';
import { foldOf } from './state.ts';
import type { World } from './state.ts';

export interface Taken {
  readonly label: string;
  /** Nothing that heals makes this step: it counts against the scope. */
  readonly isDisturbance: boolean;
  readonly next: World;
}

export function stepsFrom(world: World, scope: Scope): readonly Taken[] {
  const taken: Taken[] = [];
  const add = (isDisturbance: boolean) => (label: string, next: World) => {
    if (next !== world) taken.push({ label, isDisturbance, next: noticeEnds(next, scope) });
  };
  // What is over and said is as interesting as the empty state: only a restore could still change anything.
  if (isOver(world) && (scope.may.restore ?? 0) === 0) return taken;
  goOn(world, scope, add(false));
  disturb(world, scope, add(true));
  return taken;
}

/** The run has its verdict for good, and nobody has a word left to say about it. */
function isOver({ db: { row }, wires, paused, processes, folders, backup }: World): boolean {
  const isSaid = row === null || (isFinal(row.state) && row.state !== 'indeterminate');
  return (
    isSaid &&
    backup === null &&
    paused.length === 0 &&
    wires.every(({ up, down }) => up.length === 0 && down.length === 0) &&
    processes.every(
      ({ work, disk, executing }) => work.runs.size === 0 && disk.length === 0 && executing.size === 0,
    ) &&
    Object.values(folders).every(({ records }) => foldOf(records).runs.size === 0)
  );
}

export type Add = (label: string, next: World) => void;
