// How old the policy of this process may be. It asks for the revision several times a second; where the store cannot be
// read, the policy grows old: first nothing is written by it, then nothing is answered by it (authority.md, F14).
import { Failure } from '../../protocol/failures.ts';
import {
  policyPollMs,
  policyPollMsMax,
  policyStaleReadsMsMax,
  policyStaleWritesMsMax,
} from '../../protocol/limits-authority.ts';

export interface FreshnessDeps {
  /** Brings the policy up to date; rejects where the store cannot be read. */
  readonly refresh: () => Promise<void>;
  /** Milliseconds that only go on, whatever the wall clock does. */
  readonly elapsed: () => number;
  readonly pollMs?: number;
  readonly staleWritesMsMax?: number;
  readonly staleReadsMsMax?: number;
  readonly report?: (cause: unknown) => void;
}

export interface Freshness {
  /** Begins to watch; before it nothing counts as old. */
  start(): void;
  stop(): void;
  /** Somebody says that the policy has moved; it is read at once. */
  hint(): void;
  /** The policy was read by somebody who needed it, from `since` on (`elapsed`). */
  renewed(since: number): void;
  /** Waits for one more try where the policy is too old for writes, so that a pause of this process refuses nobody. */
  ensure(): Promise<void>;
  /** Whether everything can be done by it. */
  isFresh(): boolean;
  /** Throws `policy_stale` where the policy is too old for that. */
  demand(use: 'read' | 'write'): void;
}

export function watchFreshness(deps: FreshnessDeps): Freshness {
  const pollMs = deps.pollMs ?? policyPollMs;
  const bounds = {
    write: deps.staleWritesMsMax ?? policyStaleWritesMsMax,
    read: deps.staleReadsMsMax ?? policyStaleReadsMsMax,
  };
  let freshAt = deps.elapsed();
  let timer: NodeJS.Timeout | null = null;
  let polling: Promise<void> | null = null;
  let watching = false;
  let failing = false;
  let triedAt = -Infinity;

  const poll = (): Promise<void> => (polling ??= askOnce().finally(() => (polling = null)));
  const askOnce = async (): Promise<void> => {
    const asked = deps.elapsed();
    triedAt = asked;
    try {
      await deps.refresh();
      freshAt = Math.max(freshAt, asked);
      failing = false;
    } catch (cause) {
      if (!failing) deps.report?.(cause);
      failing = true;
    }
  };
  const next = (): void => {
    if (!watching) return;
    timer = setTimeout(() => void poll().then(next), pollMs);
    timer.unref();
  };

  return {
    start() {
      watching = true;
      freshAt = deps.elapsed();
      next();
    },
    stop() {
      watching = false;
      if (timer !== null) clearTimeout(timer);
    },
    hint: () => void poll(),
    renewed: (since) => void (freshAt = Math.max(freshAt, since)),
    async ensure() {
      const now = deps.elapsed();
      if (!watching || now - freshAt <= bounds.write) return;
      // A store that has just failed is left alone for a moment, however many ask.
      if (failing && polling === null && now - triedAt < pollMs) return;
      // All requests wait for one and the same try, and not for long.
      await Promise.race([poll(), new Promise((done) => setTimeout(done, policyPollMsMax).unref())]);
    },
    isFresh: () => !watching || deps.elapsed() - freshAt <= bounds.write,
    demand(use) {
      const age = watching ? deps.elapsed() - freshAt : 0;
      if (age <= bounds[use]) return;
      throw new Failure(
        'policy_stale',
        `Who may do what has not been readable for ${Math.floor(age / 1_000)} s, so that ` +
          (use === 'write' ? 'nothing is changed by it. Reading goes on.' : 'nothing is decided by it.') +
          ' The store is to be looked after.',
        { details: { retry_after_ms: policyPollMsMax } },
      );
    },
  };
}
