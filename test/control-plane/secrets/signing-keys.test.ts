import { CompactSign, compactVerify, importJWK } from 'jose';
import { createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { step } from '../../../control-plane/store/step.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { secretsFixture } from './open-secrets.ts';

describe('a signing key', () => {
  it('signs what its public half verifies, also after it was stored and opened', async () => {
    const { store, provider, secrets } = await secretsFixture();
    const made = await secrets.signingKeys.create({ purpose: 'intent', notAfter: 5 });
    const opened = await (await openSecrets(store, provider)).signingKeys.active('intent');
    expect(opened).toMatchObject({ kid: made.kid, state: 'active', notAfter: 5, certificate: null });
    expect(opened?.createdAt).toBe(made.createdAt);
    for (const key of [made, opened]) {
      if (key === null) throw new Error('the key is gone');
      const jws = await new CompactSign(new TextEncoder().encode('text'))
        .setProtectedHeader({ alg: 'ES256' })
        .sign(key.privateKey);
      const { payload } = await compactVerify(jws, await importJWK(made.publicJwk, 'ES256'));
      expect(new TextDecoder().decode(payload)).toBe('text');
      expect(createPrivateKey(key.privatePem()).asymmetricKeyType).toBe('ec');
    }
    expect(made.publicJwk).not.toHaveProperty('d');
  });

  it('is stored only wrapped', async () => {
    const { store, secrets } = await secretsFixture();
    const key = await secrets.signingKeys.create({ purpose: 'audit' });
    const [row] = await store.db.selectFrom('signing_keys').selectAll().execute();
    expect(row?.wrapped_private).toMatch(/^w1\.keyring\.1\./);
    const pkcs8 = createPrivateKey(key.privatePem()).export({ type: 'pkcs8', format: 'der' });
    const secretHalf = pkcs8.subarray(36, 68);
    expect(createPrivateKey(key.privatePem()).export({ format: 'jwk' }).d).toBe(
      secretHalf.toString('base64url'),
    );
    expect(JSON.stringify(row)).not.toContain(secretHalf.toString('base64url').slice(4, 36));
  });

  it('is refused when somebody puts their own public half beside it', async () => {
    const { store, secrets } = await secretsFixture();
    await secrets.signingKeys.create({ purpose: 'intent' });
    const other = await secrets.signingKeys.create({ purpose: 'audit' });
    const swap = store.db
      .updateTable('signing_keys')
      .set({ public_jwk: JSON.stringify(other.publicJwk) })
      .where('purpose', '=', 'intent');
    await store.write([step(swap)]);
    await expect(secrets.signingKeys.active('intent')).rejects.toMatchObject({ code: 'envelope_rejected' });
  });

  it('retires the former one of its purpose when it becomes active', async () => {
    const { store, secrets } = await secretsFixture();
    const { signingKeys } = secrets;
    const first = await signingKeys.create({ purpose: 'intent' });
    const audit = await signingKeys.create({ purpose: 'audit' });
    const next = await signingKeys.create({ purpose: 'intent', state: 'next' });
    expect((await signingKeys.list('intent')).map((key) => [key.kid, key.state])).toEqual([
      [first.kid, 'active'],
      [next.kid, 'next'],
    ]);
    await store.write(signingKeys.activate(next.kid, 'intent'));
    await expect(store.write(signingKeys.activate(next.kid, 'intent'))).rejects.toThrow('next_signing_key');
    expect((await signingKeys.active('intent'))?.kid).toBe(next.kid);
    const third = await signingKeys.create({ purpose: 'intent' });
    expect((await signingKeys.active('intent'))?.kid).toBe(third.kid);
    expect((await signingKeys.list('intent', { retired: true })).map((key) => key.state).sort()).toEqual([
      'active',
      'retired',
      'retired',
    ]);
    expect((await signingKeys.active('audit'))?.kid).toBe(audit.kid);
  });

  it('is made once when many ask for it at the same first start', async () => {
    const { store, secrets } = await secretsFixture();
    const certify = ({ kid }: { readonly kid: string }) => Promise.resolve(`certificate of ${kid}`);
    const keys = await Promise.all(
      Array.from({ length: 8 }, () => secrets.signingKeys.ensure({ purpose: 'ca_root', certify })),
    );
    expect(new Set(keys.map((key) => key.kid)).size).toBe(1);
    expect(keys[0]?.certificate).toBe(`certificate of ${keys[0]?.kid}`);
    expect(await store.db.selectFrom('signing_keys').select('kid').execute()).toHaveLength(1);
  });
});

describe('a key of authentication codes', () => {
  it('is the same after every start, and another for each purpose and installation', async () => {
    const { store, provider, secrets } = await secretsFixture();
    const again = await openSecrets(store, provider);
    expect(again.bodyMac('text')).toBe(secrets.bodyMac('text'));
    expect(secrets.bodyMac('text')).not.toBe(secrets.auditMac('text'));
    expect(secrets.bodyMac('text')).not.toBe(secrets.bodyMac('text2'));
    expect(secrets.bodyMac('text')).toMatch(/^m1\.[\w-]{43}$/);
    expect((await secretsFixture()).secrets.bodyMac('text')).not.toBe(secrets.bodyMac('text'));
  });

  it('is agreed on by two that start at once', async () => {
    const { store, provider } = await secretsFixture();
    await store.write([step(store.db.deleteFrom('store_meta').where('name', 'like', 'mac_key.%'))]);
    const opened = await Promise.all(Array.from({ length: 4 }, () => openSecrets(store, provider)));
    expect(new Set(opened.map((secrets) => secrets.auditMac('text'))).size).toBe(1);
  });

  it('does not open with another keyring', async () => {
    const { store } = await secretsFixture();
    const { provider } = await secretsFixture();
    await expect(openSecrets(store, provider)).rejects.toMatchObject({ code: 'keyring_unusable' });
  });
});
