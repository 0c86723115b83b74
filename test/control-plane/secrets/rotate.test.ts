import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { keyringDestroyAgeMsMin, rewrapBatchRowsMax } from '../../../protocol/limits.ts';
import {
  destroyKeyVersion,
  keyReferences,
  rewrapAll,
  rotateKeyring,
  sealedColumns,
} from '../../../control-plane/secrets/rotate.ts';
import { sealAtRest } from '../../../control-plane/secrets/seal-at-rest.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { cell, insertVariable, secretsFixture } from './open-secrets.ts';

const later = { now: () => Date.now() + keyringDestroyAgeMsMin };

describe('rotating', () => {
  it('rewraps every stored value, in batches, and all of them still open', async () => {
    const { store, provider, secrets } = await secretsFixture();
    const key = await secrets.signingKeys.create({ purpose: 'intent' });
    const mac = secrets.auditMac('text');
    const variables = rewrapBatchRowsMax * 2 + 3;
    for (let index = 0; index < variables; index += 1) {
      const id = `v${String(index).padStart(5, '0')}`;
      await insertVariable(store, id, await sealAtRest(provider, `value ${index}`, { ...cell, row: id }));
    }
    const deps = { store, provider };
    // Two keys of authentication codes, one signing key, the variables.
    expect(await keyReferences(deps)).toEqual(new Map([[1, variables + 3]]));
    expect(await rotateKeyring(deps)).toEqual({ version: 2, rewrapped: variables + 3 });
    expect(await keyReferences(deps)).toEqual(
      new Map([
        [1, 0],
        [2, variables + 3],
      ]),
    );
    await destroyKeyVersion({ ...deps, clock: later }, 1);

    const again = await openSecrets(store, provider);
    expect(again.auditMac('text')).toBe(mac);
    expect((await again.signingKeys.active('intent'))?.kid).toBe(key.kid);
    const rows = await store.db.selectFrom('variables').select(['id', 'envelope']).orderBy('id').execute();
    const opened = await Promise.all(
      rows.map((row) => again.openTextAtRest(row.envelope ?? '', { ...cell, row: row.id })),
    );
    expect(opened).toEqual(rows.map((_, index) => `value ${index}`));
  });

  it('can be finished after it was interrupted', async () => {
    const { store, provider } = await secretsFixture();
    await provider.rotate();
    expect((await keyReferences({ store, provider })).get(1)).toBe(2);
    expect(await rewrapAll({ store, provider })).toBe(2);
    expect(await rewrapAll({ store, provider })).toBe(0);
  });

  it('keeps a value that is changed while it goes on', async () => {
    const { store, provider, secrets } = await secretsFixture();
    await insertVariable(store, 'v', await sealAtRest(provider, 'old', { ...cell, row: 'v' }));
    const slow = {
      ...provider,
      rewrap: async (wrapped: Parameters<typeof provider.rewrap>[0]) => {
        const fresh = await sealAtRest(provider, 'new', { ...cell, row: 'v' });
        const change = store.db.updateTable('variables').set({ envelope: fresh });
        await store.write([{ query: change.compile() }]);
        return provider.rewrap(wrapped);
      },
    };
    await rotateKeyring({ store, provider: slow });
    const [row] = await store.db.selectFrom('variables').select('envelope').execute();
    expect(await secrets.openTextAtRest(row?.envelope ?? '', { ...cell, row: 'v' })).toBe('new');
  });
});

describe('destroying a version', () => {
  it('is refused while it is active, while a value needs it, and for some time after', async () => {
    const { store, provider } = await secretsFixture();
    const deps = { store, provider, clock: later };
    await expect(destroyKeyVersion(deps, 1)).rejects.toMatchObject({ code: 'in_use' });
    await expect(destroyKeyVersion(deps, 7)).rejects.toMatchObject({ code: 'not_found' });
    await provider.rotate();
    await expect(destroyKeyVersion(deps, 1)).rejects.toMatchObject({
      code: 'in_use',
      details: { version: 1, references: 2 },
    });
    await rewrapAll(deps);
    await expect(destroyKeyVersion({ ...deps, clock: { now: () => Date.now() } }, 1)).rejects.toMatchObject({
      code: 'in_use',
      details: { retry_after_ms: expect.any(Number) as number },
    });
    await destroyKeyVersion(deps, 1);
    await destroyKeyVersion(deps, 1);
    expect((await provider.versions())[0]?.state).toBe('destroyed');
  });

  it('knows every column that can hold an envelope', async () => {
    const { store } = await secretsFixture();
    const columns = await sql<{ place: string }>`
      select m.name || '.' || c.name as place from sqlite_master m join pragma_table_info(m.name) c
      where m.type = 'table' and (c.name like '%envelope%' or c.name like '%wrapped%')`.execute(store.db);
    const known = sealedColumns.map(({ table, column }) => `${table}.${column}`);
    expect(columns.rows.map((row) => row.place).filter((place) => !known.includes(place))).toEqual([]);
    expect(columns.rows.length).toBeGreaterThanOrEqual(3);
  });
});
