// Every query that is asked often finds its rows by an index: a table of a million runs must not be read through.
import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import type { CompiledQuery } from 'kysely';
import { expect, it } from 'vitest';
import { World } from './world.ts';

const sample: Record<string, unknown> = {
  run: 'r',
  runs: '[]',
  agent: 'a',
  agents: '[]',
  group: 'g',
  groups: '[]',
  operations: '[]',
  digests: '[]',
  pairs: '[]',
  incarnation: 'i',
  limit: 10,
  marginMs: 1,
  ageMs: 1,
  before: 'b',
  after: 0,
};

it('no query reads through all runs or all events', async () => {
  const world = await World.open();
  const queries: [string, CompiledQuery][] = Object.entries(world.parts.reads).map(([name, make]) => [
    name,
    (make as (values: unknown) => CompiledQuery)(sample),
  ]);
  const database = new DatabaseSync(join(world.folder, 'wayside.db'), { readOnly: true });
  const plans = queries.map(([name, { sql, parameters }]) => {
    const rows = database.prepare(`explain query plan ${sql}`).all(...(parameters as string[]));
    return [name, rows.map(({ detail }) => String(detail))] as const;
  });
  database.close();
  expect(plans.length).toBeGreaterThan(15);
  for (const [name, details] of plans) {
    for (const detail of details) {
      expect(detail, name).not.toMatch(/^SCAN (runs|run_events|later|held|ahead)$/);
    }
  }
});
