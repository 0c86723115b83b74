import { expect, it } from 'vitest';
import { runProcess } from './run-process.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

// Kills at random times; what was acknowledged must be there, as wholes, and the database sound.
const trials = process.env['WAYSIDE_LONG'] === undefined ? 10 : 50;

it(
  `loses no acknowledged unit when the process is killed, ${trials} times`,
  { timeout: 120_000 },
  async () => {
    const dataFolder = temporaryFolder();
    const acknowledged = new Set<number>();
    let start = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const running = runProcess('write-forever.ts', [dataFolder, String(start)]);
      await running.line((line) => line === 'open');
      await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 150));
      running.child.kill('SIGKILL');
      expect((await running.ended).signal).toBe('SIGKILL');
      const numbers = running.lines.filter((line) => line !== 'open').map(Number);
      for (const number of numbers) acknowledged.add(number);
      start += 1_000_000;

      const store = await temporaryStore({ dataFolder });
      const rows = await store.db.selectFrom('audit_denials').select('reason').execute();
      const stored = new Set(rows.map((row) => row.reason));
      const missing = [...acknowledged].filter((number) => !stored.has(`first ${number}`));
      expect(missing, `trial ${trial}`).toEqual([]);
      const halves = rows.filter(({ reason }) => !stored.has(reason.replace(/^first/, 'second')));
      expect(halves, `trial ${trial}`).toEqual([]);
      await store.close();
    }
    expect(acknowledged.size).toBeGreaterThan(trials);
  },
);
