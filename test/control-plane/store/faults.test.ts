import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openSqliteStore } from '../../../control-plane/store/sqlite.ts';
import { runProcess } from './run-process.ts';
import { temporaryFolder, temporaryStore } from './temporary.ts';

const isRoot = process.getuid?.() === 0;
const hasStrace = spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
const nobody = 65534;
const parse = (line: string) => JSON.parse(line) as Record<string, Record<string, unknown>>;

describe('a data folder that cannot be used', () => {
  it('is refused where a file is in the way', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    for (const dataFolder of [join(folder, 'file'), join(folder, 'file', 'below')]) {
      await expect(openSqliteStore({ dataFolder })).rejects.toMatchObject({
        code: 'data_folder_unusable',
        message: expect.stringContaining('a file is in the way') as string,
      });
    }
  });

  it('is refused to a user who may not write there', async () => {
    const folder = temporaryFolder();
    const dataFolder = join(folder, 'data');
    mkdirSync(dataFolder);
    chmodSync(folder, 0o755);
    chmodSync(dataFolder, 0o555);
    const other = runProcess('open-once.ts', [dataFolder], isRoot ? { uid: nobody, gid: nobody } : {});
    const { failed } = parse(await other.line((line) => line.includes('failed')));
    expect(failed?.['code']).toBe('data_folder_unusable');
    expect(failed?.['message']).toContain('may not write there');
  });

  it.skipIf(!isRoot)('is refused where the database in it belongs to somebody else', async () => {
    const store = await temporaryStore();
    await store.close();
    chownSync(store.dataFolder, nobody, nobody);
    const other = runProcess('open-once.ts', [store.dataFolder], { uid: nobody, gid: nobody });
    const { failed } = parse(await other.line((line) => line.includes('failed')));
    expect(failed?.['code']).toBe('data_folder_unusable');
  });

  it('is made for its owner alone', async () => {
    const dataFolder = join(temporaryFolder(), 'deep', 'data');
    await temporaryStore({ dataFolder });
    expect(statSync(dataFolder).mode & 0o777).toBe(0o700);
    for (const file of ['wayside.db', 'wayside.db-wal', 'wayside.db-shm', 'lock.json']) {
      expect(statSync(join(dataFolder, file)).mode & 0o077, file).toBe(0);
    }
  });
});

describe('a disk that fails', () => {
  it.skipIf(!isRoot)(
    'when it is full, refuses the unit, keeps the rest, and works again with room',
    async ({ skip }) => {
      const dataFolder = temporaryFolder();
      if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'none', dataFolder]).status !== 0) skip();
      onTestFinished(() => void spawnSync('umount', ['-l', dataFolder]));
      const child = runProcess('open-once.ts', [dataFolder, '100000']);
      const { refused } = parse(await child.line((line) => line.includes('refused')));
      expect(refused).toMatchObject({ code: 'store_failed', details: {} });
      expect(refused?.['message']).toContain('disk of the data folder is full');
      const wrote = child.lines.filter((line) => line.includes('wrote')).length;
      expect(wrote).toBeGreaterThan(10);
      expect(parse(await child.line((line) => line.includes('"stored"')))['stored']).toBe(wrote);
      await child.ended;

      spawnSync('mount', ['-o', 'remount,size=8m', dataFolder]);
      const store = await temporaryStore({ dataFolder });
      expect(await store.db.selectFrom('audit_denials').select('count').execute()).toHaveLength(wrote);
      await store.close();
    },
  );

  it.skipIf(!hasStrace)(
    'when fsync fails, never calls it stored, and asks for the end of the process',
    async () => {
      const dataFolder = temporaryFolder();
      await (await temporaryStore({ dataFolder })).close();
      const prefix = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'trace=fdatasync,fsync'];
      // The first syncs of opening pass; from then on the disk says EIO to each.
      const inject = ['-e', 'inject=fdatasync,fsync:error=EIO:when=8+'];
      const child = runProcess('open-once.ts', [dataFolder, '100'], { prefix: [...prefix, ...inject] });
      const { fatal } = parse(await child.line((line) => line.includes('fatal')));
      expect(fatal).toMatchObject({ code: 'store_failed', details: { unknown: true } });
      const { refused } = parse(await child.line((line) => line.includes('refused')));
      expect(refused).toMatchObject({ code: 'store_failed', details: { unknown: true } });
      child.child.kill('SIGKILL');
      await child.ended;

      // What was acknowledged is there; the unit of unknown outcome may be.
      const wrote = child.lines.filter((line) => line.includes('wrote')).length;
      const store = await temporaryStore({ dataFolder });
      const rows = await store.db.selectFrom('audit_denials').select('count').execute();
      expect(rows.length).toBeGreaterThanOrEqual(wrote);
      expect(rows.length).toBeLessThanOrEqual(wrote + 1);
    },
  );
});
