import { describe, expect, it } from 'vitest';
import { runIn } from '../../../support/engine.ts';
import { eventually } from '../../../support/eventually.ts';
import { freshDatabase, isMissing, openOn } from './database.ts';

/** As if the cluster had been another one when it was last looked at. */
const elsewhere = `update store_meta set value = '1/00000001/1' where name = 'cluster'`;

describe.skipIf(isMissing)('a database that was failed over or brought back', () => {
  it('is another incarnation at the next start, once, and for all control planes', async () => {
    const url = await freshDatabase();
    const before = await openOn(url);
    await before.close();
    const again = await openOn(url);
    expect(again.incarnation).toBe(before.incarnation);
    await again.close();
    await runIn(url, (client) => client.query(elsewhere));
    const said: string[] = [];
    const [one, two] = await Promise.all([
      openOn(url, { report: (message) => said.push(message) }),
      openOn(url, { report: (message) => said.push(message) }),
    ]);
    expect(one.incarnation).not.toBe(before.incarnation);
    expect(two.incarnation).toBe(one.incarnation);
    expect(said.filter((message) => message.includes('failed over'))).toHaveLength(1);
    const notes = await one.db
      .selectFrom('store_meta')
      .select('name')
      .where('name', '=', 'failover')
      .execute();
    expect(notes).toHaveLength(1);
    const lives = await one.db.selectFrom('store_incarnations').selectAll().execute();
    expect(lives).toMatchObject([{ incarnation: before.incarnation, reason: 'rollback', epoch: 1 }]);
  });

  it('is noticed by a control plane that runs, with the connection that it has lost', async () => {
    const url = await freshDatabase();
    const told: string[] = [];
    const store = await openOn(url, { onIncarnation: (incarnation) => told.push(incarnation) });
    const before = store.incarnation;
    await runIn(url, async (client) => {
      await client.query(elsewhere);
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where application_name like '% write'
          and datname = current_database()`,
      );
    });
    await eventually(() => told).toHaveLength(1);
    expect(store.incarnation).toBe(told[0]);
    expect(store.incarnation).not.toBe(before);
  });
});
