// Writers in one process take turns; writers in two are told apart by the guards of their steps.
import { expect, test } from 'vitest';
import { inTurn, variableGuard } from '../../../control-plane/variables/in-turn.ts';
import {
  deleteVariable,
  insertVariable,
  selectVariable,
  updateVariable,
} from '../../../control-plane/variables/store.ts';
import { GuardFailed } from '../../../control-plane/store/store.ts';
import { variableTriesMax } from '../../../protocol/limits.ts';
import { openAuditFixture, organization } from '../audit/open-audit.ts';

const key = { project: '01900000-0000-7000-8000-00000000000b', action: '', name: 'region' };
const plain = { description: '', sensitive: 0, envelope: null };

async function openWithVariable() {
  const { store } = await openAuditFixture();
  const id = '01900000-0000-7000-8000-00000000000c';
  await store.write([
    {
      query: store.db
        .insertInto('projects')
        .values({ id: key.project, organization, name: 'p', description: '', created_at: 1, revision: 1 })
        .compile(),
    },
    insertVariable(store, { ...plain, ...key, id, value: '1' }),
  ]);
  const [read] = await store.read(selectVariable(store, key));
  if (read === undefined) throw new Error('no variable');
  return { store, read };
}

test('what was changed since it was read is neither changed nor deleted', async () => {
  const { store, read } = await openWithVariable();
  await store.write([updateVariable(store, { ...plain, id: read.id, value: '2', revision: read.revision })]);
  const late = [
    updateVariable(store, { ...plain, id: read.id, value: '3', revision: read.revision }),
    deleteVariable(store, read),
  ];
  for (const step of late) {
    await expect(store.write([step])).rejects.toMatchObject({ guard: variableGuard });
  }
  const [row] = await store.read(selectVariable(store, key));
  expect(row).toMatchObject({ value: '2', revision: 2 });
  if (row !== undefined) await store.write([deleteVariable(store, row)]);
  expect(await store.read(selectVariable(store, key))).toEqual([]);
});

test('changes of one variable do not overlap, whether they fail or not, and do not wait for those of another', async () => {
  const { store } = await openAuditFixture();
  const seen: string[] = [];
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = inTurn(store, key, async () => {
    seen.push('first begins');
    await held;
    seen.push('first ends');
    throw new Error('in vain');
  });
  const second = inTurn(store, key, () => Promise.resolve(seen.push('second')));
  await inTurn(store, { ...key, action: 'a' }, () => Promise.resolve(seen.push('of another')));
  release();
  await expect(first).rejects.toThrow('in vain');
  await second;
  expect(seen).toEqual(['first begins', 'of another', 'first ends', 'second']);
});

test('a change is made again where another process was faster, and only then, and not for ever', async () => {
  const { store } = await openAuditFixture();
  const tries = async (guard: string, failures: number) => {
    let count = 0;
    const done = inTurn(store, key, () => {
      count += 1;
      return count <= failures ? Promise.reject(new GuardFailed(guard)) : Promise.resolve();
    });
    return { failed: await done.then(() => null).catch((cause: unknown) => cause), count };
  };
  expect(await tries(variableGuard, 5)).toEqual({ failed: null, count: 6 });
  expect(await tries(variableGuard, 1_000)).toMatchObject({
    failed: { guard: variableGuard },
    count: variableTriesMax,
  });
  expect(await tries('policy', 5)).toMatchObject({ failed: { guard: 'policy' }, count: 1 });
});
