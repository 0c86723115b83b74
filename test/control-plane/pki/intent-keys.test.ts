import { X509Certificate } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ensureIntentKey, rotateIntentKey, signIntentKeys } from '../../../control-plane/pki/intent-keys.ts';
import { verifyIntentKeys } from '../../../protocol/key-statements.ts';
import { openInstallation } from './installation.ts';
import type { Installation } from './installation.ts';

describe('the intent keys', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await openInstallation();
  });
  afterAll(async () => {
    await installation[Symbol.asyncDispose]();
  });

  it('are two, signed by the data-plane CA, whose chain comes along', async () => {
    const { authorities, secrets } = installation;
    const active = await ensureIntentKey(secrets.signingKeys);
    const jws = await signIntentKeys(authorities, secrets.signingKeys);
    const keys = await verifyIntentKeys(jws, [authorities.dataPlane.publicKey]);
    expect(keys).toHaveLength(2);
    expect(keys[0]?.kid).toBe(active.kid);
    await expect(verifyIntentKeys(jws, [authorities.intermediate.publicKey])).rejects.toMatchObject({
      code: 'invalid_intent',
    });
    const [first = ''] = decodeProtectedHeader(jws).x5c ?? [];
    const signer = new X509Certificate(Buffer.from(first, 'base64'));
    expect(signer.verify(authorities.intermediate.certificate.publicKey)).toBe(true);
  });

  it('are the same at the next start, and rotate so that the next one is known before it signs', async () => {
    const { secrets, store } = installation;
    const before = await ensureIntentKey(secrets.signingKeys);
    expect((await ensureIntentKey(secrets.signingKeys)).kid).toBe(before.kid);
    const next = (await secrets.signingKeys.list('intent')).find((key) => key.state === 'next');
    const after = await rotateIntentKey(secrets.signingKeys, (steps) => store.write(steps));
    expect(after.kid).toBe(next?.kid);
    const states = (await secrets.signingKeys.list('intent', { retired: true })).map((key) => key.state);
    expect(states.toSorted()).toEqual(['active', 'next', 'retired']);
  });
});
