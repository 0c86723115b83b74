import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../protocol/failures.ts';
import { openAtRest, sealAtRest } from '../../../control-plane/secrets/seal-at-rest.ts';
import { cell, insertVariable, secretsFixture, temporaryKeyring } from './open-secrets.ts';

describe('a sealed value', () => {
  it('opens in its own cell, whatever its bytes (property)', async () => {
    const provider = await temporaryKeyring();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 500 }), async (plaintext) => {
        const opened = await openAtRest(provider, await sealAtRest(provider, plaintext, cell), cell);
        return Buffer.from(opened).equals(Buffer.from(plaintext));
      }),
    );
  });

  it('opens nowhere else', async () => {
    const provider = await temporaryKeyring();
    const sealed = await sealAtRest(provider, 'the value', cell);
    for (const member of Object.keys(cell) as (keyof typeof cell)[]) {
      const elsewhere = { ...cell, [member]: `${cell[member].slice(0, -1)}#` };
      await expect(openAtRest(provider, sealed, elsewhere), member).rejects.toMatchObject({
        code: 'envelope_rejected',
      });
    }
    // Names that run into one another are still different places.
    const shifted = { ...cell, organization: 'orgproj', project: '' };
    await expect(openAtRest(provider, sealed, shifted)).rejects.toMatchObject({ code: 'envelope_rejected' });
  });

  it('opens no more when any character of it is changed (property)', async () => {
    const provider = await temporaryKeyring();
    const sealed = await sealAtRest(provider, 'the value', cell);
    const character = fc.constantFrom(...'ABab01-_.1');
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), character, async (index, other) => {
        const changed = sealed.slice(0, index) + other + sealed.slice(index + 1);
        fc.pre(changed !== sealed);
        await expect(openAtRest(provider, changed, cell)).rejects.toBeInstanceOf(Failure);
      }),
    );
  });

  it('opens with no other keyring, and says that it is the keyring', async () => {
    const sealed = await sealAtRest(await temporaryKeyring(), 'the value', cell);
    await expect(openAtRest(await temporaryKeyring(), sealed, cell)).rejects.toMatchObject({
      code: 'keyring_unusable',
    });
  });

  it('never shows its plaintext in the database, its WAL or the keyring', async () => {
    const { store, provider } = await secretsFixture();
    const plaintext = 'correct-horse-battery-staple';
    await insertVariable(store, 'v', await sealAtRest(provider, plaintext, cell));
    const files = readdirSync(store.dataFolder);
    expect(files).toContain('wayside.db-wal');
    const needles = [
      plaintext,
      Buffer.from(plaintext).toString('base64').replace(/=+$/, ''),
      Buffer.from(plaintext).toString('hex'),
    ];
    for (const file of files) {
      const content = readFileSync(join(store.dataFolder, file)).toString('latin1');
      for (const needle of needles) expect(content.includes(needle), `${needle} in ${file}`).toBe(false);
    }
    // The search itself works: a name that is stored in the clear is found.
    const all = files.map((file) => readFileSync(join(store.dataFolder, file)).toString('latin1')).join('');
    expect(all).toContain('w1.keyring.1.');
  });
});
