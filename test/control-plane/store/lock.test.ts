import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { runProcess } from './run-process.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

const parse = (line: string) => JSON.parse(line) as Record<string, Record<string, unknown>>;

describe('the lock of a data folder', () => {
  it('keeps a second process out and tells it who is there and what to do', async () => {
    const store = await temporaryStore();
    const other = runProcess('open-once.ts', [store.dataFolder]);
    const { failed } = parse(await other.line((line) => line.includes('failed')));
    expect(failed?.['code']).toBe('store_locked');
    expect(failed?.['message']).toContain(`Process ${process.pid} on `);
    expect(failed?.['message']).toContain('Stop it first');
    expect(await store.db.selectFrom('audit_denials').selectAll().execute()).toEqual([]);
  });

  it('keeps the same process out too', async () => {
    const store = await temporaryStore();
    await expect(openSqliteStore({ dataFolder: store.dataFolder })).rejects.toMatchObject({
      code: 'store_locked',
      details: { pid: process.pid },
    });
    await store.close();
    await temporaryStore({ dataFolder: store.dataFolder });
  });

  it('is free again when its holder was killed, whatever the note says', async () => {
    const dataFolder = temporaryFolder();
    const holder = runProcess('open-once.ts', [dataFolder, '1', 'hold']);
    await holder.line((line) => line.includes('stored'));
    await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({
      code: 'store_locked',
      details: { pid: holder.child.pid },
    });
    holder.child.kill('SIGKILL');
    await holder.ended;
    expect(readFileSync(join(dataFolder, 'lock.json'), 'utf8')).toContain(`"pid":${holder.child.pid}`);
    const store = await temporaryStore({ dataFolder });
    expect(await store.db.selectFrom('audit_denials').select('count').execute()).toHaveLength(1);
    expect(readFileSync(join(dataFolder, 'lock.json'), 'utf8')).toContain(`"pid":${process.pid}`);
  });

  it('still holds when its note was deleted or damaged', async () => {
    const store = await temporaryStore();
    writeFileSync(join(store.dataFolder, 'lock.json'), 'half a note');
    await expect(openSqliteStore({ dataFolder: store.dataFolder })).rejects.toMatchObject({
      code: 'store_locked',
      message: expect.stringContaining('Another process uses the data folder') as string,
    });
  });

  it('is given back in order', async () => {
    const store = await temporaryStore();
    await store.close();
    expect(existsSync(join(store.dataFolder, 'lock.json'))).toBe(false);
  });
});
