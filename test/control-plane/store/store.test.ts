import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { nowMs } from '../../../control-plane/store/dialect.ts';
import { compileOnce, step } from '../../../control-plane/store/step.ts';
import { GuardFailed } from '../../../control-plane/store/store.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

const insert = (store: Store, reason: string, count = 1) =>
  step(store.db.insertInto('audit_denials').values({ reason, day: 'd', count }));
const reasons = async (store: Store) =>
  (await store.db.selectFrom('audit_denials').select('reason').orderBy('reason').execute()).map(
    (row) => row.reason,
  );

describe('a unit', () => {
  it('is readable as soon as its promise resolves', async () => {
    const store = await temporaryStore();
    for (let count = 0; count < 50; count += 1) {
      await store.write([insert(store, `r${count}`)]);
      expect(await reasons(store)).toHaveLength(count + 1);
    }
  });

  it('gives the rows and changes of each step', async () => {
    const store = await temporaryStore();
    const results = await store.write([
      step(
        store.db.insertInto('audit_denials').values({ reason: 'a', day: 'd', count: 1 }).returning('count'),
      ),
      insert(store, 'b'),
      step(store.db.updateTable('audit_denials').set({ count: sql`count + 1` })),
      step(store.db.selectFrom('audit_denials').select('count')),
      step(store.db.deleteFrom('audit_denials').where('reason', '=', 'nothing')),
    ]);
    expect(results.map((result) => [result.rows.length, result.changes])).toEqual([
      [1, 1],
      [0, 1],
      [0, 2],
      [2, 0],
      [0, 0],
    ]);
    expect(results[0]?.rows).toEqual([{ count: 1 }]);
  });

  it.each([
    ['exactly', { name: 'one', exactly: 1 }],
    ['atLeast', { name: 'one', atLeast: 1 }],
  ])('is rolled back alone when its guard (%s) does not hold', async (_kind, guard) => {
    const store = await temporaryStore();
    const update = store.db.updateTable('audit_denials').set({ count: 2 }).where('reason', '=', 'missing');
    const outcomes = await Promise.allSettled([
      store.write([insert(store, 'before')]),
      store.write([insert(store, 'guarded'), step(update, guard)]),
      store.write([insert(store, 'after')]),
    ]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[1]).toMatchObject({ reason: { name: 'GuardFailed', guard: 'one' } });
    expect((outcomes[1] as PromiseRejectedResult).reason).toBeInstanceOf(GuardFailed);
    expect(await reasons(store)).toEqual(['after', 'before']);
  });

  it('lets a guard count the rows of a select, so that what was read is still true', async () => {
    const store = await temporaryStore();
    const exists = step(store.db.selectFrom('audit_denials').select('reason'), { name: 'empty', exactly: 0 });
    await store.write([exists, insert(store, 'first')]);
    await expect(store.write([exists, insert(store, 'second')])).rejects.toThrow(GuardFailed);
  });

  it('is rolled back alone when a statement fails, and says which names clash', async () => {
    const store = await temporaryStore();
    const outcomes = await Promise.allSettled([
      store.write([insert(store, 'a')]),
      store.write([insert(store, 'b'), insert(store, 'a')]),
      store.write([insert(store, 'c')]),
    ]);
    expect(outcomes[1]).toMatchObject({
      reason: {
        code: 'name_taken',
        message: 'There is already one with the same reason and day: use it, or choose another.',
        details: { columns: ['audit_denials.reason', 'audit_denials.day'] },
      },
    });
    expect(await reasons(store)).toEqual(['a', 'c']);
  });

  it('keeps references: nothing points to what is not there, nothing pointed to is deleted', async () => {
    const store = await temporaryStore();
    const organization = {
      id: 'o',
      name: 'o',
      created_at: 1,
      policy_revision: 1,
    };
    const project = { id: 'p', organization: 'o', name: 'p', description: '', created_at: 1, revision: 1 };
    const insertProject = step(store.db.insertInto('projects').values(project));
    await expect(store.write([insertProject])).rejects.toMatchObject({ code: 'conflict' });
    await store.write([step(store.db.insertInto('organizations').values(organization)), insertProject]);
    await expect(store.write([step(store.db.deleteFrom('organizations'))])).rejects.toMatchObject({
      code: 'in_use',
    });
  });

  it('refuses values that the engines would bind differently', async () => {
    const store = await temporaryStore();
    for (const value of [true, new Date(0), undefined, Number.NaN, {}, []]) {
      const query = sql`insert into audit_denials values (${value}, 'd', 1)`.compile(store.db);
      await expect(store.write([{ query }]), typeof value).rejects.toThrow('cannot be bound');
    }
    expect(await reasons(store)).toEqual([]);
  });

  it('may be empty', async () => {
    const store = await temporaryStore();
    expect(await store.write([])).toEqual([]);
  });
});

describe('a read', () => {
  it('sees one snapshot over several queries while others write', async () => {
    const store = await temporaryStore();
    await store.write([insert(store, 'counter', 0)]);
    const bump = step(store.db.updateTable('audit_denials').set({ count: sql`count + 1` }));
    const query = store.db.selectFrom('audit_denials').select('count').compile();
    let writing = true;
    const writes = (async () => {
      while (writing) await store.write([bump]);
    })();
    for (let round = 0; round < 200; round += 1) {
      for (const both of [await store.snapshot([query, query]), await store.glance([query, query])]) {
        expect(both[0]).toEqual(both[1]);
      }
    }
    writing = false;
    await writes;
  });

  it('does not wait for a writer that holds the database', async () => {
    const store = await temporaryStore();
    // A recursive query that keeps the writer busy for about a second.
    const busy = sql`with recursive n(i) as (select 1 union all select i + 1 from n where i < 6000000)
                     insert into audit_denials select 'busy', 'd', max(i) from n`;
    let done = false;
    const write = store.write([step(busy.compile(store.db))]).then(() => (done = true));
    await store.read(store.db.selectFrom('audit_denials').select('reason').compile());
    expect(done).toBe(false);
    await write;
    expect(await reasons(store)).toEqual(['busy']);
  });

  it('fails alone on a statement that is wrong', async () => {
    const store = await temporaryStore();
    const wrong = sql`select nothing from nowhere`.compile(store.db);
    await expect(store.read(wrong)).rejects.toMatchObject({ code: 'store_failed' });
    await expect(store.snapshot([wrong, wrong])).rejects.toMatchObject({ code: 'store_failed' });
    await expect(store.glance([wrong, wrong])).rejects.toMatchObject({ code: 'store_failed' });
    expect(await reasons(store)).toEqual([]);
  });

  it('at a glance has what was written before it, and cannot write', async () => {
    const store = await temporaryStore();
    const query = store.db.selectFrom('audit_denials').select('reason').compile();
    for (const [index, reason] of ['a', 'b', 'c'].entries()) {
      await store.write([insert(store, reason, 1)]);
      const [rows] = await store.glance([query]);
      expect(rows).toHaveLength(index + 1);
    }
    await expect(store.glance([insert(store, 'd', 1).query])).rejects.toMatchObject({ code: 'store_failed' });
    expect(await reasons(store)).toEqual(['a', 'b', 'c']);
  });

  it('at a glance has what its caller was told of, however many write and glance at once', async () => {
    const store = await temporaryStore();
    const find = (reason: string) =>
      store.db.selectFrom('audit_denials').select('reason').where('reason', '=', reason).compile();
    const caller = async (name: string): Promise<void> => {
      for (let count = 0; count < 20; count += 1) {
        const reason = `${name} ${count}`;
        expect((await store.glance([find(reason)]))[0]).toHaveLength(0);
        await store.write([insert(store, reason, 1)]);
        expect((await store.glance([find(reason)]))[0]).toHaveLength(1);
        await store.write([step(store.db.deleteFrom('audit_denials').where('reason', '=', reason))]);
        await store.read(find(reason));
        expect((await store.glance([find(reason)]))[0]).toHaveLength(0);
      }
    };
    await Promise.all(Array.from({ length: 24 }, (_, index) => caller(`caller ${index}`)));
  });
});

describe('Store.db', () => {
  it('round-trips text, numbers, nulls and JSON', async () => {
    const store = await temporaryStore();
    const text = 'q"\'\\ ü 漢字 \u{1f511} end';
    const event = {
      id: 'e',
      organization: 'o',
      at: Number.MAX_SAFE_INTEGER,
      principal: null,
      operation: text,
      permission: null,
      resource: '',
      result: 'allowed',
      decision: null,
      details: JSON.stringify({ text }),
      request: '{}',
      mac: '',
      position: null,
      previous_hash: null,
      hash: null,
    };
    await store.write([step(store.db.insertInto('audit_events').values(event))]);
    expect(await store.db.selectFrom('audit_events').selectAll().execute()).toMatchObject([event]);
  });

  it('stores the replacement character for U+0000, which no text of PostgreSQL holds', async () => {
    const store = await temporaryStore();
    await store.write([insert(store, 'a\0b')]);
    expect(await reasons(store)).toEqual(['a\u{fffd}b']);
    const found = store.db.selectFrom('audit_denials').select('day').where('reason', '=', 'a\0b');
    expect(await found.execute()).toHaveLength(1);
  });

  it('refuses to write, whatever the form', async () => {
    const store = await temporaryStore();
    const { db } = store;
    const row = { reason: 'a', day: 'd', count: 1 };
    await expect(db.insertInto('audit_denials').values(row).execute()).rejects.toThrow('Store.write');
    await expect(db.updateTable('audit_denials').set({ count: 2 }).execute()).rejects.toThrow('Store.write');
    await expect(db.deleteFrom('audit_denials').execute()).rejects.toThrow('Store.write');
    await expect(db.transaction().execute(() => Promise.resolve())).rejects.toThrow('Store.write');
    await expect(db.schema.dropTable('audit_denials').execute()).rejects.toThrow('Store.write');
    await expect(sql`delete from audit_denials`.execute(db)).rejects.toMatchObject({ code: 'store_failed' });
  });
});

describe('a statement that is compiled once', () => {
  it('takes its values each time', async () => {
    const store = await temporaryStore();
    const add = compileOnce({ reason: '', count: 0 }, (value) =>
      store.db.insertInto('audit_denials').values({ reason: value.reason, day: 'fixed', count: value.count }),
    );
    await store.write([step(add({ reason: 'a', count: 1 })), step(add({ reason: 'b', count: 2 }))]);
    expect(await store.db.selectFrom('audit_denials').selectAll().orderBy('reason').execute()).toEqual([
      { reason: 'a', day: 'fixed', count: 1 },
      { reason: 'b', day: 'fixed', count: 2 },
    ]);
  });

  it('says at start when a parameter is bound nowhere', async () => {
    const store = await temporaryStore();
    expect(() =>
      compileOnce({ reason: '', lost: '' }, (value) =>
        store.db.selectFrom('audit_denials').selectAll().where('reason', '=', `${value.reason}`),
      ),
    ).toThrow('is not bound anywhere');
  });
});

describe('the clock of the database', () => {
  const now = async (store: Store) =>
    (await sql<{ now: number }>`select ${nowMs(store.engine)} as now`.execute(store.db)).rows[0]?.now ?? 0;

  it('is in whole milliseconds of the machine', async () => {
    const store = await temporaryStore();
    const [before, told, after] = [Date.now(), await now(store), Date.now()];
    expect(Number.isInteger(told)).toBe(true);
    expect(told).toBeGreaterThanOrEqual(before - 1);
    expect(told).toBeLessThanOrEqual(after + 1);
  });

  it('follows the clock that it was opened with, in reads and in writes', async () => {
    let ms = 1_700_000_000_123;
    const store = await temporaryStore({ clock: () => ms });
    expect(await now(store)).toBe(1_700_000_000_123);
    ms += 86_400_000;
    await store.write([
      step(
        store.db.insertInto('audit_denials').values({ reason: 'now', day: 'd', count: nowMs(store.engine) }),
      ),
    ]);
    expect(await store.db.selectFrom('audit_denials').select('count').execute()).toEqual([
      { count: 1_700_086_400_123 },
    ]);
  });
});

describe('opening again', () => {
  it('keeps rows, incarnation and trust domain, and refuses another trust domain', async () => {
    const first = await temporaryStore({ trustDomain: 'acme.example' });
    await first.write([insert(first, 'kept')]);
    await first.close();
    const { dataFolder } = first;
    const second = await temporaryStore({ dataFolder });
    expect(second.trustDomain).toBe('acme.example');
    expect(second.incarnation).toBe(first.incarnation);
    expect(await reasons(second)).toEqual(['kept']);
    await second.close();
    await expect(openTestStore({ dataFolder, trustDomain: 'other.example' })).rejects.toMatchObject({
      code: 'invalid_configuration',
    });
  });

  it('finishes what was asked for before it closes, and refuses what comes after', async () => {
    const dataFolder = temporaryFolder();
    const store = await openTestStore({ dataFolder });
    const writes = Array.from({ length: 100 }, (_, index) => store.write([insert(store, `r${index}`)]));
    await store.close();
    await Promise.all(writes);
    await expect(store.write([insert(store, 'late')])).rejects.toMatchObject({ code: 'store_failed' });
    const again = await temporaryStore({ dataFolder });
    expect(await reasons(again)).toHaveLength(100);
  });
});
