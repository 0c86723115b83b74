// The dispatcher: one loop that claims for the groups that were woken. Wake-ups only fill its inbox, which is a set
// of groups, so it is bounded and a burst of wake-ups is one claim.
import { GuardFailed } from '../store/store.ts';
import { claimRuns } from './claim.ts';
import type { Seat } from './contract.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

/** So many turns without luck are followed by another one at once. */
const racesMax = 6;

export class Dispatcher {
  readonly #partsOf: () => RunParts;
  /** Groups to claim for now. */
  readonly #woken = new Set<string>();
  /** Groups that may have queued runs: a free slot alone is no reason to read the others. */
  readonly #waiting = new Set<string>();
  #loop: Promise<void> | null = null;
  #held = false;
  #closed = false;
  #turns = 0;
  /** Turns one after the other in which other control planes were faster. */
  #races = 0;

  constructor(partsOf: () => RunParts) {
    this.#partsOf = partsOf;
  }

  /** Something was queued in the group, or may be claimed by somebody else now. */
  wake(group: string): void {
    this.#waiting.add(group);
    this.#woken.add(group);
    this.#run();
  }

  /** An agent has slots; wakes those of its groups that may have something queued. */
  slotsGranted(seat: Seat): void {
    for (const group of seat.groups.keys()) if (this.#waiting.has(group)) this.#woken.add(group);
    this.#run();
  }

  /** While held nothing is claimed; wake-ups are kept (rules.md 12). */
  hold(): void {
    this.#held = true;
  }

  release(): void {
    this.#held = false;
    this.#run();
  }

  isHeld(): boolean {
    return this.#held;
  }

  /** Resolves when nothing is being claimed. */
  async idle(): Promise<void> {
    while (this.#loop !== null) await this.#loop;
  }

  /** Claims nothing any more. */
  close(): void {
    this.#closed = true;
  }

  /** Every other turn begins at the head again, so that what lies there is not left to nobody. */
  #spread(): number {
    return this.#races % 2 === 0
      ? 0
      : 1 + Math.floor((this.#partsOf().random.fraction?.() ?? 0) * (this.#races + 1));
  }

  #hasWork(): boolean {
    return this.#woken.size > 0 && !this.#held && !this.#closed;
  }

  #run(): void {
    if (this.#loop !== null || !this.#hasWork()) return;
    this.#loop = this.#work().finally(() => {
      this.#loop = null;
      this.#run();
    });
  }

  async #work(): Promise<void> {
    while (this.#hasWork()) {
      const groups = [...this.#woken];
      this.#woken.clear();
      this.#turns += 1;
      await this.#turn(groups, this.#turns % groups.length);
    }
  }

  async #turn(groups: readonly string[], first: number): Promise<void> {
    const parts = this.#partsOf();
    try {
      const { again, lostRaces } = await claimRuns(parts, groups, { first, spread: this.#spread() });
      this.#races = lostRaces ? this.#races + 1 : 0;
      for (const group of again) this.#woken.add(group);
      // What others took is theirs, and behind it there may be more. Where nothing can be had the sweep goes on.
      if (lostRaces && this.#races <= racesMax) for (const group of groups) this.#woken.add(group);
      await this.#forgetEmpty(parts, groups);
    } catch (error) {
      if (error instanceof GuardFailed) return this.#decideAnew(parts, groups);
      // The sweep wakes them again; what was not committed was not offered.
      parts.report({ kind: 'dispatch_failed', message: 'a claim failed', cause: error });
    }
  }

  async #forgetEmpty(parts: RunParts, groups: readonly string[]): Promise<void> {
    const drained = groups.filter((group) => !this.#woken.has(group));
    if (drained.length === 0) return;
    const rows = await parts.store.read(parts.reads.waitingGroups({ groups: listOf(drained) }));
    const left = new Set(rows.map(({ id }) => id));
    // Until the answer is here they count as waiting: a slot that is granted meanwhile must not be overlooked.
    for (const group of drained) if (!left.has(group) && !this.#woken.has(group)) this.#waiting.delete(group);
  }

  /** The policy has moved since the claim was decided. */
  async #decideAnew(parts: RunParts, groups: readonly string[]): Promise<void> {
    try {
      await parts.authority.reload();
      for (const group of groups) this.#woken.add(group);
    } catch (cause) {
      parts.report({ kind: 'dispatch_failed', message: 'the policy could not be read', cause });
    }
  }
}
