// A person takes the responsibility for an indeterminate run, so that it no longer keeps its slot (rules.md 8).
import type { Run } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditByActor } from './audit-entry.ts';
import { readFacts } from './cancel.ts';
import { commitRun, decideAgain } from './commit.ts';
import type { Actor } from './contract.ts';
import { stateEvent } from './events.ts';
import type { RunParts } from './parts.ts';
import { readRun } from './read.ts';

/** Throws `not_found` and `run_not_releasable`. Evidence may still settle the run afterwards. */
export async function releaseRun(
  parts: RunParts,
  wish: { readonly actor: Actor; readonly run: string; readonly reason: string },
): Promise<Run> {
  const { actor, reason } = wish;
  await decideAgain(async () => {
    const run = await readFacts(parts, wish.run);
    if (run.state !== 'indeterminate' || run.released_by !== null) {
      throw new Failure(
        'run_not_releasable',
        run.released_by === null
          ? `Only an indeterminate run keeps a slot that can be released; this one is ${run.state}.`
          : 'The run was released already.',
      );
    }
    const by = actor.caller.principal;
    await commitRun(parts, {
      run: run.id,
      attempt: run.attempt,
      steps: [actor.guard, parts.sql.release({ run: run.id, attempt: run.attempt, by: by.id })],
      events: [
        { event: stateEvent({ state: run.state, code: 'released', message: `${by.name}: ${reason}` }) },
      ],
      audit: [auditByActor(actor, run, { operation: 'run.release', details: { reason } })],
    });
    parts.queued(run.group_id);
  });
  return readRun(parts, wish.run);
}
