import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { step } from '../../../../control-plane/store/step.ts';
import type { Store } from '../../../../control-plane/store/store.ts';
import { freshDatabase, insert, isMissing, openOn, reasons } from './database.ts';

async function replicas(count: number): Promise<readonly Store[]> {
  const url = await freshDatabase();
  return Promise.all(Array.from({ length: count }, () => openOn(url)));
}

/** How many of the units went through; each of the others must have failed by that guard. */
async function winners(units: readonly Promise<unknown>[], guard: string): Promise<number> {
  const outcomes = await Promise.allSettled(units);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ name: 'GuardFailed', guard });
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe.skipIf(isMissing)('units of several control planes', () => {
  it('that change one row: each state is left once', async () => {
    const stores = await replicas(3);
    const [first] = stores;
    await first?.write([insert(first, 'state', 0)]);
    for (let round = 0; round < 20; round += 1) {
      const units = stores.flatMap((store) =>
        [1, 2].map(() =>
          store.write([
            step(
              store.db
                .updateTable('audit_denials')
                .set({ count: round + 1 })
                .where('reason', '=', 'state')
                .where('count', '=', round),
              { name: 'state', exactly: 1 },
            ),
          ]),
        ),
      );
      expect(await winners(units, 'state')).toBe(1);
    }
  });

  it('that may only go on while nothing is there: one of them does', async () => {
    const stores = await replicas(3);
    for (let round = 0; round < 10; round += 1) {
      const units = stores.flatMap((store, index) =>
        [1, 2].map((each) =>
          store.write([
            step(store.db.selectFrom('audit_denials').select('reason').where('day', '=', `${round}`), {
              name: 'empty',
              exactly: 0,
            }),
            step(
              store.db
                .insertInto('audit_denials')
                .values({ reason: `${index} ${each}`, day: `${round}`, count: 1 }),
            ),
          ]),
        ),
      );
      expect(await winners(units, 'empty')).toBe(1);
    }
  });

  it('that read what another one changes: the reader sees it before, or does not go on', async () => {
    const [one, other] = await replicas(2);
    if (one === undefined || other === undefined) throw new Error('two were asked for');
    await one.write([insert(one, 'policy', 1)]);
    const slow = sql`select pg_sleep(0.3)`.compile(one.db);
    const guarded = one.write([
      step(
        one.db
          .selectFrom('audit_denials')
          .select('reason')
          .where('reason', '=', 'policy')
          .where('count', '=', 1),
        {
          name: 'policy',
          exactly: 1,
        },
      ),
      step(slow),
      insert(one, 'decided'),
    ]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    const changed = other
      .write([step(other.db.updateTable('audit_denials').set({ count: 2 }).where('reason', '=', 'policy'))])
      .then(() => reasons(other));
    await guarded;
    // The change had to wait for the unit that relied on what it changes.
    expect(await changed).toEqual(['decided', 'policy']);
  });

  it('that lock each other out: both are done in the end', async () => {
    const [one, other] = await replicas(2);
    if (one === undefined || other === undefined) throw new Error('two were asked for');
    await one.write([insert(one, 'a', 0), insert(one, 'b', 0)]);
    const bump = (store: Store, reason: string) =>
      step(
        store.db
          .updateTable('audit_denials')
          .set({ count: sql`count + 1` })
          .where('reason', '=', reason),
      );
    const pause = (store: Store) => step(sql`select pg_sleep(0.05)`.compile(store.db));
    await Promise.all([
      one.write([bump(one, 'a'), pause(one), bump(one, 'b')]),
      other.write([bump(other, 'b'), pause(other), bump(other, 'a')]),
    ]);
    const rows = await one.db.selectFrom('audit_denials').select('count').execute();
    expect(rows).toEqual([{ count: 2 }, { count: 2 }]);
  });
});
