import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openAtRest, rewrapAtRest, sealAtRest } from '../../../control-plane/secrets/seal-at-rest.ts';
import { temporaryFolder } from '../store/temporary.ts';
import { cell, clock, scryptCost } from './open-secrets.ts';

const newPath = () => join(temporaryFolder(), 'keyring.json');

describe('the keyring file', () => {
  it('is for its owner alone, and refused where others may read it', async () => {
    const path = newPath();
    await openKeyring({ path, clock });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o640);
    await expect(openKeyring({ path, clock })).rejects.toMatchObject({
      code: 'keyring_unusable',
      message: expect.stringContaining(`chmod 600 ${path}`) as string,
    });
  });

  it('opens again with the same keys', async () => {
    const path = newPath();
    const sealed = await sealAtRest(await openKeyring({ path, clock }), 'value', cell);
    const again = await openKeyring({ path, clock, mayCreate: false });
    expect(Buffer.from(await openAtRest(again, sealed, cell)).toString()).toBe('value');
  });

  it('is not made anew where the data needs the old one', async () => {
    const path = newPath();
    await expect(openKeyring({ path, clock, mayCreate: false })).rejects.toMatchObject({
      code: 'keyring_unusable',
    });
    const provider = await openKeyring({ path, clock });
    const { rmSync } = await import('node:fs');
    rmSync(path);
    await expect(provider.health()).rejects.toMatchObject({ code: 'keyring_unusable' });
    await expect(provider.rotate()).rejects.toMatchObject({ code: 'keyring_unusable' });
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it.each(['', '{', '{}', '[]', '{"format":"wayside-keyring","version":2}'])(
    'is refused when damaged: %j',
    async (content) => {
      const path = newPath();
      writeFileSync(path, content, { mode: 0o600 });
      await expect(openKeyring({ path, clock })).rejects.toMatchObject({ code: 'keyring_unusable' });
    },
  );

  it('is replaced as a whole: what a crash left beside it does no harm', async () => {
    const path = newPath();
    const provider = await openKeyring({ path, clock });
    writeFileSync(`${path}.new`, 'half of a new keyr');
    expect(await provider.rotate()).toBe(2);
    expect(readdirSync(join(path, '..'))).toEqual(['keyring.json']);
    expect(await (await openKeyring({ path, clock })).currentVersion()).toBe(2);
  });
});

describe('a passphrase', () => {
  it('is needed to open what was made with it, and the right one', async () => {
    const path = newPath();
    const passphrase = 'corréct horse';
    const sealed = await sealAtRest(
      await openKeyring({ path, clock, passphrase, scryptCost }),
      'value',
      cell,
    );
    await expect(openKeyring({ path, clock })).rejects.toMatchObject({
      code: 'keyring_unusable',
      message: expect.stringContaining('protected by a passphrase') as string,
    });
    await expect(openKeyring({ path, clock, passphrase: 'wrong horse' })).rejects.toMatchObject({
      code: 'keyring_unusable',
      message: expect.stringContaining('passphrase of the keyring') as string,
    });
    // The same text, typed on a keyboard that composes its accents.
    const again = await openKeyring({ path, clock, passphrase: passphrase.normalize('NFD') });
    expect(Buffer.from(await openAtRest(again, sealed, cell)).toString()).toBe('value');
    expect(await again.rotate()).toBe(2);
    const third = await openKeyring({ path, clock, passphrase });
    expect(Buffer.from(await openAtRest(third, sealed, cell)).toString()).toBe('value');
  });

  it('is refused where the keyring has none', async () => {
    const path = newPath();
    await openKeyring({ path, clock });
    await expect(openKeyring({ path, clock, passphrase: 'x' })).rejects.toMatchObject({
      code: 'keyring_unusable',
    });
  });

  it('cannot be made to cost more memory than there is', async () => {
    const path = newPath();
    await openKeyring({ path, clock, passphrase: 'x', scryptCost });
    const file = readFileSync(path, 'utf8').replace(`"n": ${scryptCost}`, `"n": ${2 ** 40}`);
    writeFileSync(path, file);
    await expect(openKeyring({ path, clock, passphrase: 'x' })).rejects.toMatchObject({
      code: 'keyring_unusable',
    });
  });
});

describe('rotation of the keyring', () => {
  it('seals by the new version, opens by the old one, and rewraps', async () => {
    const provider = await openKeyring({ path: newPath(), clock });
    const old = await sealAtRest(provider, 'value', cell);
    expect(await provider.rotate()).toBe(2);
    const fresh = await sealAtRest(provider, 'value', cell);
    const rewrapped = await rewrapAtRest(provider, old);
    expect([old, fresh, rewrapped].map((text) => text.split('.')[2])).toEqual(['1', '2', '2']);
    expect(rewrapped.split('.').slice(4)).toEqual(old.split('.').slice(4));
    for (const sealed of [old, fresh, rewrapped]) {
      expect(Buffer.from(await openAtRest(provider, sealed, cell)).toString()).toBe('value');
    }
  });

  it('loses no version when it is asked for many times at once, or by two processes', async () => {
    const path = newPath();
    const first = await openKeyring({ path, clock });
    const second = await openKeyring({ path, clock });
    await Promise.all([first.rotate(), first.rotate(), first.rotate()]);
    expect(await first.currentVersion()).toBe(4);
    expect(await second.rotate()).toBe(5);
    const sealed = await sealAtRest(second, 'value', cell);
    // `first` has not heard of version 5, and finds it in the file.
    expect(Buffer.from(await openAtRest(first, sealed, cell)).toString()).toBe('value');
  });

  it('destroys only a version that is no longer active, and then for good', async () => {
    const path = newPath();
    const provider = await openKeyring({ path, clock });
    const sealed = await sealAtRest(provider, 'value', cell);
    await expect(provider.destroy(1)).rejects.toMatchObject({ code: 'keyring_unusable' });
    await provider.rotate();
    const material =
      (JSON.parse(readFileSync(path, 'utf8')) as { keys: { key: string }[] }).keys[0]?.key ?? '';
    await provider.destroy(1);
    expect(readFileSync(path, 'utf8')).not.toContain(material);
    expect((await provider.versions()).map((version) => version.state)).toEqual(['destroyed', 'active']);
    await expect(openAtRest(provider, sealed, cell)).rejects.toMatchObject({
      code: 'keyring_unusable',
      message: expect.stringContaining('destroyed') as string,
    });
  });
});
