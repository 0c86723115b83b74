// The agent's own way to verify intents says the same as WebCrypto's, about good and bad signatures alike.
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair } from 'jose';
import { expect, test } from 'vitest';
import { intentVerifierOf } from '../../agent/intent-verifier.ts';
import { signIntent, verifyIntent, verifyIntentWith } from '../../protocol/intent.ts';
import type { Intent } from '../../protocol/intent.ts';

const id = '0197a0c0-0000-7000-8000-000000000001';
const intent: Intent = {
  run: id,
  attempt: 1,
  agent: id,
  organization: id,
  project: id,
  group: 'prod',
  operation: 'promote',
  action: { id, name: 'promote' },
  definition_digest: 'sha256:d',
  inputs_digest: 'sha256:i',
  requested_by: { id, name: 'ada' },
  approvals: [],
  store_incarnation: id,
  issued_at: 1,
  not_after: 2,
};

async function newKey(algorithm = 'ES256') {
  const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { privateKey, kid, jwk: { ...jwk, kid } };
}

test('what WebCrypto signed verifies, once and again', async () => {
  const key = await newKey();
  const keys = [(await newKey()).jwk, key.jwk];
  const jws = await signIntent(intent, key);
  for (let round = 0; round < 2; round += 1) {
    expect(await verifyIntentWith(jws, intentVerifierOf(keys))).toEqual(intent);
  }
  expect(await verifyIntent(jws, keys)).toEqual(intent);
});

test('every changed character of the text is refused by both', async () => {
  const key = await newKey();
  const jws = await signIntent(intent, key);
  const step = Math.ceil(jws.length / 60);
  for (let at = 0; at < jws.length - 1; at += step) {
    // Another letter at a place where none of its bits can be padding.
    const changed = jws.slice(0, at) + (jws[at] === 'A' ? 'z' : 'A') + jws.slice(at + 1);
    const refused = { code: 'invalid_intent' };
    await expect(verifyIntentWith(changed, intentVerifierOf([key.jwk]))).rejects.toMatchObject(refused);
    await expect(verifyIntent(changed, [key.jwk])).rejects.toMatchObject(refused);
  }
});

test.each([
  ['another algorithm', { alg: 'ES384', typ: 'wayside-intent+jws' }],
  ['another type', { alg: 'ES256', typ: 'JWT' }],
  ['no type', { alg: 'ES256' }],
])('a header with %s is refused, however good its signature', async (_what, header) => {
  const key = await newKey(header.alg);
  const bytes = new TextEncoder().encode(JSON.stringify(intent));
  const jws = await new CompactSign(bytes)
    .setProtectedHeader({ ...header, kid: key.kid })
    .sign(key.privateKey);
  await expect(verifyIntentWith(jws, intentVerifierOf([key.jwk]))).rejects.toMatchObject({
    code: 'invalid_intent',
  });
});

test.each([
  ['a critical extension', { crit: ['b64'], b64: true }],
  ['an extension that nobody knows', { extra: 1 }],
])('a header with %s is refused', async (_what, more) => {
  const key = await newKey();
  const [, payload = ''] = (await signIntent(intent, key)).split('.');
  const header = { alg: 'ES256', kid: key.kid, typ: 'wayside-intent+jws', ...more };
  const input = `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${payload}`;
  const signature = await crypto.subtle.sign(
    { name: 'ECDSA', hash: 'SHA-256' },
    key.privateKey,
    Buffer.from(input),
  );
  const jws = `${input}.${Buffer.from(signature).toString('base64url')}`;
  await expect(verifyIntentWith(jws, intentVerifierOf([key.jwk]))).rejects.toMatchObject({
    code: 'invalid_intent',
  });
});
