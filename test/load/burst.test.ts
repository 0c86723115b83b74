// A burst of runs that waits when its agent comes: it drains in order, and whoever is at the head is dispatched soon
// after a slot is free. Sizes are those of CI; WAYSIDE_LONG=1 takes 10,000 runs.
import { expect, test, vi } from 'vitest';
import { percentile } from '../../bench/figures.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { System } from '../support/system.ts';
import { statusFile } from './press.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const runs = isLong ? 10_000 : 600;
const concurrency = 8;
const pressersAtOnce = 16;
/** The aim on a quiet machine; CI shares its processors. */
const headMsMax = isLong ? 250 : 1_000;

vi.setConfig({ testTimeout: 900_000, hookTimeout: 60_000 });

async function allRuns(system: System): Promise<readonly Run[]> {
  const found: Run[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const query: string = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { items: Run[]; next_cursor: string | null } = await system.ask(
      'GET',
      `/v1/projects/default/runs?limit=200${query}`,
    );
    found.push(...page.items);
    cursor = page.next_cursor;
  }
  return found;
}

test(`${runs} runs drain in order`, async () => {
  await using system = await System.open({ groups: ['main'] });
  const first = await system.startAgent('drain', { hcl: statusFile('main', concurrency) });
  await system.publish();
  await first.kill('SIGTERM');
  let left = runs;
  const press = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await system.press('note');
    }
  };
  const pressed = performance.now();
  await Promise.all(Array.from({ length: pressersAtOnce }, press));
  const acceptedMs = performance.now() - pressed;
  const began = performance.now();
  await system.startAgent('drain', { hcl: statusFile('main', concurrency) });
  const stored = await allRuns(system);
  await system.untilEnded(
    stored.map(({ id }) => id),
    600_000,
  );
  const drainedMs = performance.now() - began;

  const ended = (await allRuns(system)).toSorted((a, b) => a.sequence - b.sequence);
  expect(ended.map(({ state }) => state)).toEqual(Array.from({ length: runs }, () => 'succeeded'));
  const starts = ended.map(({ started_at }) => started_at ?? 0);
  // Nobody begins before one that is further ahead than what goes on at once.
  const late = starts.filter((at, index) => at > (starts[index + 4 * concurrency] ?? Infinity));
  expect(late).toEqual([]);
  const startedInOrder = starts.toSorted((a, b) => a - b);
  const endedInOrder = ended.map(({ ended_at }) => ended_at ?? 0).toSorted((a, b) => a - b);
  const waits = startedInOrder
    .slice(concurrency)
    .map((at, index) => Math.max(0, at - (endedInOrder[index] ?? 0)));
  console.log(
    `${runs} runs were accepted in ${Math.round(acceptedMs)} ms and drained in ${Math.round(drainedMs)} ms; the head ` +
      `was dispatched ${percentile(waits, 0.5)} ms (p50), ${percentile(waits, 0.99)} ms (p99) after a slot was free`,
  );
  expect(percentile(waits, 0.99)).toBeLessThan(headMsMax);
});
