// The quick way of a batch: all of its units in one trip, without savepoints, in the hope that every guard holds. Where
// one does not, nothing was stored, and they are run again in the careful way (group-commit.ts), which finds the one.
import { storeTogetherUnitsMax } from '../../../protocol/limits.ts';
import { holds } from '../guard.ts';
import type { StepResult } from '../store.ts';
import { isAway, mayRunAgain } from './failure.ts';
import { begin, finish } from './group-commit.ts';
import type { BatchEnd, BatchOptions, Done, Unit } from './group-commit.ts';

/** What else can become of a batch: one of its units may not be, so each has to be looked at. */
export type TogetherEnd = BatchEnd | { readonly kind: 'careful'; readonly units: readonly Unit[] };

export async function commitTogether(queue: Unit[], options: BatchOptions): Promise<TogetherEnd> {
  const { link } = options;
  const units = queue.splice(0, storeTogetherUnitsMax);
  const sent = link.together(() => {
    const opening = begin(link, options);
    const steps = units.map(({ statements }) =>
      Promise.allSettled(
        statements.map(({ before, sql, parameters }) => {
          if (before !== null) opening.push(link.send(before.sql, before.parameters));
          return link.send(sql, parameters);
        }),
      ),
    );
    return Promise.all([Promise.allSettled(opening), Promise.all(steps)]);
  });
  const [opening, outcomes] = await sent;
  const all: readonly PromiseSettledResult<StepResult>[] = [...opening, ...outcomes.flat()];
  const failed = all.find((outcome) => outcome.status === 'rejected');
  if (failed !== undefined) {
    const cause: unknown = failed.reason;
    if (link.isLost || isAway(cause)) return { kind: 'cut', units, cause };
    await link.send('rollback').catch(() => undefined);
    const again = all.find((outcome) => outcome.status === 'rejected' && mayRunAgain(outcome.reason));
    return again === undefined ? { kind: 'careful', units } : { kind: 'again', units, cause };
  }
  const done = units.map((unit, index): Done => ({ unit, results: valuesOf(outcomes[index] ?? []) }));
  if (!done.every(isHeld)) {
    await link.send('rollback').catch(() => undefined);
    return { kind: 'careful', units };
  }
  return finish(done, options);
}

function isHeld({ unit, results }: Done): boolean {
  return unit.statements.every(({ guard }, index) => {
    const result = results[index];
    return guard === undefined || (result !== undefined && holds(guard, result));
  });
}

function valuesOf(outcomes: readonly PromiseSettledResult<StepResult>[]): readonly StepResult[] {
  return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
}
