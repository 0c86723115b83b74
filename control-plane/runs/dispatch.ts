// The dispatcher: one loop that claims for the groups that were woken. Wake-ups only fill its inbox, which is a set
// of groups, so it is bounded and a burst of wake-ups is one claim.
import { GuardFailed } from '../store/store.ts';
import { claimRuns } from './claim.ts';
import type { Seat } from './contract.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

export interface Dispatcher {
  /** Something was queued in the group, or may be claimed by somebody else now. */
  wake(group: string): void;
  /** An agent has slots; wakes those of its groups that may have something queued. */
  slotsGranted(seat: Seat): void;
  /** While held nothing is claimed; wake-ups are kept (rules.md 12). */
  hold(): void;
  release(): void;
  isHeld(): boolean;
  /** Resolves when nothing is being claimed. */
  idle(): Promise<void>;
  /** Claims nothing any more. */
  close(): void;
}

export function openDispatcher(partsOf: () => RunParts): Dispatcher {
  /** Groups to claim for now. */
  const woken = new Set<string>();
  /** Groups that may have queued runs: a free slot alone is no reason to read the others. */
  const waiting = new Set<string>();
  let loop: Promise<void> | null = null;
  let held = false;
  let closed = false;
  let first = 0;

  const turn = async (): Promise<void> => {
    const groups = [...woken];
    woken.clear();
    first += 1;
    const parts = partsOf();
    try {
      const { again } = await claimRuns(parts, groups, first % groups.length);
      for (const group of again) woken.add(group);
      await forgetEmpty(parts, groups);
    } catch (error) {
      if (error instanceof GuardFailed) {
        await parts.authority.reload();
        for (const group of groups) woken.add(group);
      } else {
        // The sweep wakes them again; what was not committed was not offered.
        parts.report({ kind: 'dispatch_failed', message: 'a claim failed', cause: error });
      }
    }
  };

  const forgetEmpty = async (parts: RunParts, groups: readonly string[]): Promise<void> => {
    const drained = groups.filter((group) => !woken.has(group));
    if (drained.length === 0) return;
    for (const group of drained) waiting.delete(group);
    for (const { id } of await parts.store.read(parts.reads.waitingGroups({ groups: listOf(drained) }))) {
      waiting.add(id);
    }
  };

  const run = (): void => {
    if (loop !== null || held || closed || woken.size === 0) return;
    loop = (async () => {
      while (woken.size > 0 && !held && !closed) await turn();
    })().finally(() => {
      loop = null;
      run();
    });
  };

  return {
    wake(group) {
      waiting.add(group);
      woken.add(group);
      run();
    },
    slotsGranted(seat) {
      for (const group of seat.groups.keys()) if (waiting.has(group)) woken.add(group);
      run();
    },
    hold() {
      held = true;
    },
    release() {
      held = false;
      run();
    },
    isHeld: () => held,
    async idle() {
      while (loop !== null) await loop;
    },
    close() {
      closed = true;
    },
  };
}
