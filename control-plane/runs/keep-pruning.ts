// Prunes now and then, in a loop of its own: a long round holds up no sweep.
import { pruneMs } from '../../protocol/limits.ts';
import type { RunParts } from './parts.ts';
import { pruneRuns } from './prune.ts';

/** Until the answer is called, which waits for the piece that is under way. A failed round is reported. */
export function keepPruning(parts: Pick<RunParts, 'store' | 'clock' | 'report'>): () => Promise<void> {
  let over = false;
  let cancel = (): void => undefined;
  let working: Promise<unknown> = Promise.resolve();
  const arm = (): void => {
    cancel = parts.clock.after(pruneMs, () => {
      working = pruneRuns({ ...parts, isOver: () => over })
        .catch((cause: unknown) => {
          parts.report({ kind: 'sweep_failed', message: 'old runs could not be pruned', cause });
        })
        .then(() => {
          if (!over) arm();
        });
    });
  };
  arm();
  return async () => {
    over = true;
    cancel();
    await working;
  };
}
