import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backupChunkBytes } from '../../../protocol/limits.ts';
import {
  decryptBackup,
  encryptBackup,
  newBackupKey,
  parseBackupKey,
} from '../../../control-plane/store/backup-format.ts';
import type { BackupSecret } from '../../../control-plane/store/backup-format.ts';

const key = parseBackupKey(newBackupKey());
const passphrase: BackupSecret = {
  kind: 'passphrase',
  passphrase: 'a long enough passphrase',
  scryptCost: 1024,
};
const about = { createdAt: 5, incarnation: 'i' };

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const all = async (source: AsyncIterable<Uint8Array>) => {
  const held: Uint8Array[] = [];
  for await (const piece of source) held.push(piece);
  return Buffer.concat(held);
};
const sealed = (bytes: Uint8Array, secret: BackupSecret = key) =>
  all(encryptBackup(pieces(bytes, 10_000), { secret, ...about }));
const opened = async (file: Uint8Array, secret: BackupSecret = key, size = 7_000) =>
  all((await decryptBackup(pieces(file, size), secret)).content);

describe('a backup file', () => {
  it.each([
    0,
    1,
    backupChunkBytes - 1,
    backupChunkBytes,
    backupChunkBytes + 1,
    3 * backupChunkBytes,
    200_000,
  ])('gives back %i bytes, by key and by passphrase', async (length) => {
    const bytes = Buffer.alloc(length, 'wayside ');
    expect((await opened(await sealed(bytes))).equals(bytes)).toBe(true);
    expect((await opened(await sealed(bytes, passphrase), passphrase)).equals(bytes)).toBe(true);
  });

  it('does not care in which pieces it is read (property)', async () => {
    const bytes = Buffer.alloc(150_000, 'wayside ');
    const file = await sealed(bytes);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 500, max: 200_000 }), async (size) =>
        (await opened(file, key, size)).equals(bytes),
      ),
      { numRuns: 30 },
    );
  });

  it('is refused with any byte changed, and gives out nothing of the changed chunk (property)', async () => {
    const bytes = Buffer.alloc(150_000, 'wayside ');
    const file = await sealed(bytes);
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(file);
        changed[at] = (changed[at] ?? 0) ^ flip;
        await expect(opened(changed)).rejects.toMatchObject({ code: 'invalid_backup' });
      }),
      { numRuns: 100 },
    );
  });

  it('is refused when it is cut off anywhere, also between two chunks (property)', async () => {
    const file = await sealed(Buffer.alloc(150_000, 'wayside '));
    const header = file.indexOf('\n') + 1;
    const between = header + backupChunkBytes + 16;
    for (const length of [0, 10, header, header + 1, between, between * 2 - header, file.length - 1]) {
      await expect(opened(file.subarray(0, length)), String(length)).rejects.toMatchObject({
        code: 'invalid_backup',
      });
    }
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length - 1), async (length) => {
        await expect(opened(file.subarray(0, length))).rejects.toMatchObject({ code: 'invalid_backup' });
      }),
      { numRuns: 50 },
    );
  });

  it('is refused when chunks are exchanged, repeated or taken from another backup', async () => {
    const bytes = Buffer.alloc(4 * backupChunkBytes, 'wayside ');
    const [file, other] = [await sealed(bytes), await sealed(bytes)];
    const start = file.indexOf('\n') + 1;
    const size = backupChunkBytes + 16;
    const chunk = (from: Buffer, number: number) =>
      from.subarray(start + number * size, start + (number + 1) * size);
    const header = file.subarray(0, start);
    for (const order of [
      [chunk(file, 1), chunk(file, 0), chunk(file, 2), chunk(file, 3)],
      [chunk(file, 0), chunk(file, 0), chunk(file, 2), chunk(file, 3)],
      [chunk(file, 0), chunk(file, 2), chunk(file, 3)],
      [chunk(other, 0), chunk(file, 1), chunk(file, 2), chunk(file, 3)],
    ]) {
      await expect(opened(Buffer.concat([header, ...order]))).rejects.toMatchObject({
        code: 'invalid_backup',
      });
    }
    expect(
      (await opened(Buffer.concat([header, ...[0, 1, 2, 3].map((n) => chunk(file, n))]))).equals(bytes),
    ).toBe(true);
  });

  it('says which secret it needs', async () => {
    const file = await sealed(Buffer.from('content'));
    await expect(opened(file, parseBackupKey(newBackupKey()))).rejects.toThrow(/needs the key [0-9a-f]{16}/);
    await expect(opened(file, passphrase)).rejects.toThrow('protected by a key');
    const other = await sealed(Buffer.from('content'), passphrase);
    await expect(opened(other, key)).rejects.toThrow('protected by a passphrase');
    await expect(opened(other, { kind: 'passphrase', passphrase: 'another passphrase' })).rejects.toThrow(
      'is wrong',
    );
    await expect(opened(Buffer.from('not a backup at all\n'))).rejects.toThrow('not a backup');
    await expect(opened(Buffer.alloc(100_000, 1))).rejects.toThrow('not a backup');
  });

  it('has keys of one form', () => {
    for (const text of ['', 'x', `wayside-backup-key-1:${'A'.repeat(42)}`, newBackupKey().slice(5)]) {
      expect(() => parseBackupKey(text), text).toThrow('not a backup key');
    }
  });
});
