// After the database was restored or rolled back its rows may be older than what became of the runs: nothing is
// dispatched until the agents have reported or a grace has passed, and what is open without evidence then becomes
// indeterminate (rules.md 12).
import { lostAgentGraceMs } from '../../protocol/limits.ts';
import { conclude } from './conclude.ts';
import type { RunFacts } from './contract.ts';
import { forEachRun } from './for-each-run.ts';
import { isSettled } from './lives.ts';
import type { RunParts } from './parts.ts';

/**
 * True where open rows are of another incarnation of the store, and where there was another one and its agents have
 * not had their time yet: what they have in hand may not even be in the rows.
 */
export async function wasRolledBack(parts: Pick<RunParts, 'store' | 'reads' | 'lives'>): Promise<boolean> {
  if ((await parts.lives()).known.size > 0 && !(await isSettled(parts.store))) return true;
  return (await openOfAnotherStore(parts)).length > 0;
}

async function openOfAnotherStore(parts: Pick<RunParts, 'store' | 'reads'>): Promise<readonly RunFacts[]> {
  const { incarnation } = parts.store;
  const rows = await parts.store.snapshot([
    parts.reads.queuedOfAnotherStore({ incarnation }),
    parts.reads.heldOfAnotherStore({ incarnation }),
  ]);
  return rows.flat() as unknown as readonly RunFacts[];
}

/** When the agents had their time to say what they have in hand. */
export function graceIsOver(parts: Pick<RunParts, 'clock' | 'startedAt'>): boolean {
  return parts.clock.now() - parts.startedAt >= lostAgentGraceMs;
}

/** What no agent has shown to be in its hands. Afterwards dispatch may go on. */
export async function settleRolledBack(parts: RunParts): Promise<void> {
  for (;;) {
    const open = await openOfAnotherStore(parts);
    if (open.length === 0) return;
    parts.report({
      kind: 'rolled_back',
      message: `${open.length} open runs were stored by a database that was restored or rolled back since`,
    });
    await forEachRun(open, (run) =>
      conclude(parts, run, {
        trigger: 'rollback',
        code: 'store_rolled_back',
        message: 'The database was restored or rolled back, and no agent has shown what became of the run.',
      }),
    );
  }
}
