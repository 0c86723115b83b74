// What other processes did to runs that agents connected here have in hand: a cancel that the agent must be told of, and
// runs that are not theirs any more, whose slots are free then.
import { cancelGraceMsDefault } from '../../protocol/limits.ts';
import type { RunFacts, Seat } from './contract.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

/** Reads the rows of everything that these seats have in hand. Cancels of running ones are repeated by each sweep too. */
export async function checkSeats(
  parts: Pick<RunParts, 'store' | 'reads' | 'letGo'>,
  seats: readonly Seat[],
  { hinted }: { readonly hinted: boolean },
): Promise<void> {
  const ids = seats.flatMap(({ held }) => [...held.keys()]);
  if (ids.length === 0) return;
  const found = await parts.store.read(parts.reads.factsIn({ runs: listOf(ids) }));
  const rows = new Map(found.map((row) => [row.id, row]));
  for (const seat of seats) {
    for (const mine of [...seat.held.values()]) {
      const row = rows.get(mine.id);
      // What is offered in this moment is ahead of its row.
      if (row === undefined || row.attempt < mine.attempt) continue;
      const isHere = row.agent === seat.agent.id && row.attempt === mine.attempt;
      if (isHere && (hinted || row.state === 'canceled')) repeatCancel(seat, row);
      if (isHere && (row.state === 'offered' || row.state === 'running')) continue;
      parts.letGo({ id: row.id, agent: seat.agent.id });
    }
  }
}

function repeatCancel({ connection }: Seat, { id, attempt, state, cancel_requested_at }: RunFacts): void {
  if (cancel_requested_at === null || (state !== 'running' && state !== 'canceled')) return;
  const reason = 'requested';
  connection.send({ type: 'cancel', run: id, attempt, reason, grace_ms: cancelGraceMsDefault });
}
