// The one loop that chains and seals: woken by appended events, and by a slow sweep for those of other processes.
import { auditChainMs, auditSweepMs } from '../../protocol/limits.ts';
import type { Chain } from './chain.ts';
import type { Heads } from './heads.ts';

export interface Chainer {
  /** There is, or will be, something to chain. */
  wake(): void;
  /** Chains and signs everything that is committed now. */
  settle(): Promise<void>;
  /** Settles, then stops. */
  close(): Promise<void>;
}

export interface ChainerDeps {
  readonly chain: Chain;
  readonly heads: Heads;
  /** Before each round, for what has to be written first; `last` at the end of the process. */
  readonly before: (round: { readonly last: boolean }) => Promise<void>;
  /** Events got their positions. */
  readonly grown: () => void;
  readonly clock: {
    /** Calls `wake` once after `ms`; the answer cancels it. */
    after(ms: number, wake: () => void): () => void;
  };
  /** Before the first round; tried again until it was done once. */
  readonly prepare?: () => Promise<void>;
  /** A round failed; the next one tries again. */
  readonly report: (cause: unknown) => void;
}

export function startChainer(deps: ChainerDeps): Chainer {
  let cancel: () => void = () => undefined;
  let waitingMs = Number.POSITIVE_INFINITY;
  let closed = false;
  let work: Promise<void> = Promise.resolve();
  let prepared = deps.prepare === undefined;

  /** Rounds never overlap, and one that fails does not keep the next one from trying. */
  const round = (sealNow: boolean, last = false) => {
    const done = work.then(async () => {
      if (!prepared) await deps.prepare?.();
      prepared = true;
      await deps.before({ last });
      await chainAndSeal(deps, sealNow);
    });
    work = done.catch(() => undefined);
    return done;
  };
  const arm = (ms: number) => {
    if (closed || ms >= waitingMs) return;
    cancel();
    waitingMs = ms;
    cancel = deps.clock.after(ms, () => {
      waitingMs = Number.POSITIVE_INFINITY;
      round(false)
        .catch(deps.report)
        .finally(() => arm(auditSweepMs));
    });
  };
  arm(deps.prepare === undefined ? auditSweepMs : auditChainMs);
  return {
    wake: () => arm(auditChainMs),
    settle: () => round(true),
    close: async () => {
      closed = true;
      cancel();
      await round(true, true);
    },
  };
}

async function chainAndSeal(deps: ChainerDeps, sealNow: boolean): Promise<void> {
  for (const organization of await deps.chain.waiting()) {
    let chained = await deps.chain.extend(organization);
    while (chained > 0) {
      deps.grown();
      chained = await deps.chain.extend(organization);
    }
  }
  await deps.heads.seal({ now: sealNow });
}
