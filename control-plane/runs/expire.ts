// Work that nobody took in time ends as `expired` (rules.md 9).
import { conclude } from './conclude.ts';
import type { RunParts } from './parts.ts';
import { forEachRun } from './for-each-run.ts';

/** A run that is offered is not cut off in the middle of its lease: it expires when it is queued again. */
export async function expireRuns(parts: RunParts): Promise<void> {
  const { incarnation } = parts.store;
  const expired = await parts.store.read(parts.reads.expired({ incarnation }));
  await forEachRun(expired, (run) =>
    conclude(parts, run, {
      trigger: 'expire',
      code: 'expired',
      message: 'No agent took the run before it expired.',
    }),
  );
}
