// Waiting that has an end.
import type { Clock } from './contract.ts';

/** True when the work was done within `ms`. It goes on either way; its failure counts as done and is rethrown. */
export async function settlesWithin(
  work: Promise<unknown>,
  { ms, clock }: { readonly ms: number; readonly clock: Clock },
): Promise<boolean> {
  const timer = new AbortController();
  const late = clock.sleep(ms, timer.signal).then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    timer.abort();
    // Whoever waits no longer must not bring the process down by a failure that comes late.
    work.catch(() => undefined);
  }
}
