// Signed intents and sealed inputs: what fits opens, anything else does not.
import { exportJWK, calculateJwkThumbprint, generateKeyPair } from 'jose';
import { randomUUIDv7 } from 'node:crypto';
import { expect, test } from 'vitest';
import { inputsDigest, signIntent, verifyIntent } from '../../protocol/intent.ts';
import type { Intent } from '../../protocol/intent.ts';
import { parseJson } from '../../protocol/json.ts';
import type { JsonValue } from '../../protocol/json.ts';
import { clearInputs, openInputs, sealInputs } from '../../protocol/seal.ts';

const intent: Intent = {
  run: randomUUIDv7(),
  attempt: 1,
  agent: randomUUIDv7(),
  organization: randomUUIDv7(),
  project: randomUUIDv7(),
  group: 'prod',
  operation: 'promote',
  action: { id: randomUUIDv7(), name: 'promote' },
  definition_digest: `sha256:${'0'.repeat(64)}`,
  inputs_digest: `sha256:${'1'.repeat(64)}`,
  requested_by: { id: randomUUIDv7(), name: 'ada' },
  approvals: [],
  store_incarnation: randomUUIDv7(),
  issued_at: 1,
  not_after: 2,
};

async function signingKey() {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(jwk);
  return { privateKey, kid, jwk: { ...jwk, kid } };
}

async function sealingKey() {
  const pair = await generateKeyPair('ECDH-ES+A256KW', { extractable: true });
  return { ...pair, kid: await calculateJwkThumbprint(await exportJWK(pair.publicKey)) };
}

test('an intent that was signed verifies to itself', async () => {
  const key = await signingKey();
  expect(await verifyIntent(await signIntent(intent, key), [key.jwk])).toEqual(intent);
});

test('an intent by another key, with a changed byte, or of another type is refused', async () => {
  const key = await signingKey();
  const other = await signingKey();
  const jws = await signIntent(intent, key);
  const [head = '', body = '', signature = ''] = jws.split('.');
  const forged = `${head}.${Buffer.from(Buffer.from(body, 'base64url').toString().replace('"prod"', '"test"')).toString('base64url')}.${signature}`;
  const none = `${Buffer.from('{"alg":"none","typ":"wayside-intent+jws"}').toString('base64url')}.${body}.`;
  for (const [text, keys] of [
    [jws, [other.jwk]],
    [jws, [{ ...other.jwk, kid: key.kid }]],
    [forged, [key.jwk]],
    [none, [key.jwk]],
    ['', [key.jwk]],
  ] as const) {
    await expect(verifyIntent(text, keys)).rejects.toMatchObject({ code: 'invalid_intent' });
  }
});

test('the digest of the inputs changes with any value, and a secret is covered only by its salted commitment', async () => {
  const plain = await inputsDigest({ version: { value: 'v1' } });
  expect(await inputsDigest({ version: { value: 'v2' } })).not.toBe(plain);
  const salted = await inputsDigest({ pin: { value: '123456', salt: 'c2FsdA' } });
  expect(await inputsDigest({ pin: { value: '123456', salt: 'b3RoZXI' } })).not.toBe(salted);
  expect(await inputsDigest({ pin: { value: '123457', salt: 'c2FsdA' } })).not.toBe(salted);
  expect(await inputsDigest({ n: { value: parseJson('12345678901234567') as JsonValue } })).not.toBe(
    await inputsDigest({ n: { value: parseJson('12345678901234568') as JsonValue } }),
  );
});

test('a token travels sealed or not at all', async () => {
  const key = await sealingKey();
  const binding = { run: intent.run, attempt: 1, agent: intent.agent, digest: 'd', notAfter: 9 };
  const content = { inputs: {}, context: {}, token: `wsr_${'A'.repeat(44)}` };
  const envelope = await sealInputs(content, key, binding);
  expect(JSON.stringify(envelope)).not.toContain(content.token);
  expect(await openInputs(envelope, () => key.privateKey, binding)).toEqual(content);
  expect(() => clearInputs(content)).toThrow('never sent in the clear');
  const other = await sealInputs({ ...content, token: 'rm -rf /' }, key, binding);
  for (const refused of [{ clear: content }, other]) {
    await expect(openInputs(refused, () => key.privateKey, binding)).rejects.toMatchObject({
      code: 'cannot_open',
    });
  }
});

test('sealed inputs open for the key and the binding that they were sealed to, and for nothing else', async () => {
  const key = await sealingKey();
  const stranger = await sealingKey();
  const binding = { run: intent.run, attempt: 1, agent: intent.agent, digest: 'd', notAfter: 9 };
  const content = { inputs: { token: { value: 'hunter22', salt: 's' } }, context: { 'run.id': intent.run } };
  const envelope = await sealInputs(content, key, binding);
  expect(JSON.stringify(envelope)).not.toContain('hunter22');
  const keyOf = (kid: string) => (kid === key.kid ? key.privateKey : null);
  expect(await openInputs(structuredClone(envelope), keyOf, binding)).toEqual(content);
  for (const changed of [
    { ...binding, run: intent.agent },
    { ...binding, attempt: 2 },
    { ...binding, agent: intent.run },
    { ...binding, digest: 'e' },
    { ...binding, notAfter: 10 },
  ]) {
    await expect(openInputs(envelope, keyOf, changed)).rejects.toMatchObject({ code: 'cannot_open' });
  }
  await expect(openInputs(envelope, () => stranger.privateKey, binding)).rejects.toMatchObject({
    code: 'cannot_open',
  });
  await expect(openInputs(envelope, () => null, binding)).rejects.toMatchObject({ code: 'cannot_open' });
  await expect(openInputs({ ...envelope, ciphertext: 'AAAA' }, keyOf, binding)).rejects.toMatchObject({
    code: 'cannot_open',
  });
  await expect(openInputs(null, keyOf, binding)).rejects.toMatchObject({ code: 'cannot_open' });
});
