// Signed statements about keys (compact JWS, RFC 7515, ES256): which key opens an agent's inputs, which keys verify
// intents, and that whoever asks for an identity back still holds its old key. Each has a type of its own, so that
// none can stand for another.
import { calculateJwkThumbprint, compactVerify, CompactSign } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { z } from 'zod';
import { Failure } from './failures.ts';
import type { FailureCode } from './failures.ts';
import { canonicalJson, parseJson } from './json.ts';
import { intentKeysType, recoveryProofType, recoveryStatement } from './api/enrollment.ts';
import type { sealingKeySchema } from './api/enrollment.ts';

export type SealingKey = z.infer<typeof sealingKeySchema>;

const sealingKeyType = 'wayside-sealing-key+jws';

const intentKeysSchema = z.object({
  keys: z
    .array(
      z.looseObject({
        kty: z.literal('EC'),
        crv: z.literal('P-256'),
        x: z.string(),
        y: z.string(),
        kid: z.string(),
      }),
    )
    .min(1)
    .max(16),
});

/** Says with the agent's TLS key that `jwk` (public, `kid` = thumbprint of RFC 7638) is the key to seal to. */
export async function proveSealingKey(jwk: SealingKey['jwk'], tlsKey: CryptoKey): Promise<SealingKey> {
  return { jwk, proof: await sign(canonicalJson(jwk), { type: sealingKeyType, key: tlsKey }) };
}

/** Throws `invalid_csr` unless the statement is about this very key, its `kid` is right, and `tlsKey` signed it. */
export async function verifySealingKey(sealingKey: SealingKey, tlsKey: CryptoKey): Promise<void> {
  const payload = await verify(sealingKey.proof, {
    type: sealingKeyType,
    keys: [tlsKey],
    code: 'invalid_csr',
  });
  const { jwk } = sealingKey;
  const thumbprint = await calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x, y: jwk.y });
  if (payload !== canonicalJson(jwk) || thumbprint !== jwk.kid) {
    throw new Failure('invalid_csr', 'The proof of the sealing key is about another key.');
  }
}

/** Throws `invalid_intent` unless one of `caKeys`, the keys of data-plane CAs, signed this JWK set. */
export async function verifyIntentKeys(jws: string, caKeys: readonly CryptoKey[]): Promise<readonly JWK[]> {
  const payload = await verify(jws, { type: intentKeysType, keys: caKeys, code: 'invalid_intent' });
  const result = intentKeysSchema.safeParse(parseJson(payload));
  if (!result.success)
    throw new Failure('invalid_intent', 'The statement about the intent keys has another form.');
  return result.data.keys;
}

/** Type of the statement about the keys that verify heads of the audit trail. */
export const auditKeysType = 'wayside-audit-keys+jws';

/** The same about the keys that verify heads of the audit trail (rules.md 32). */
export async function verifyAuditKeys(jws: string, caKeys: readonly CryptoKey[]): Promise<readonly JWK[]> {
  const payload = await verify(jws, { type: auditKeysType, keys: caKeys, code: 'invalid_intent' });
  const result = intentKeysSchema.safeParse(parseJson(payload));
  if (!result.success)
    throw new Failure('invalid_intent', 'The statement about the audit keys has another form.');
  return result.data.keys;
}

/** Says with the key of the agent's last certificate that it asks for its identity back, by this very request. */
export async function proveRecovery(
  request: { readonly token: string; readonly csr: string },
  oldTlsKey: CryptoKey,
): Promise<string> {
  return sign(recoveryStatement(request), { type: recoveryProofType, key: oldTlsKey });
}

/** Throws `certificate_rejected` unless `oldTlsKey`, the key of the agent's last certificate, signed this request. */
export async function verifyRecovery(
  proof: string,
  request: { readonly token: string; readonly csr: string },
  oldTlsKey: CryptoKey,
): Promise<void> {
  const payload = await verify(proof, {
    type: recoveryProofType,
    keys: [oldTlsKey],
    code: 'certificate_rejected',
  });
  if (payload !== recoveryStatement(request)) {
    throw new Failure('certificate_rejected', 'The proof of the old key is about another request.');
  }
}

async function sign(
  payload: string,
  { type, key }: { readonly type: string; readonly key: CryptoKey },
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(payload))
    .setProtectedHeader({ alg: 'ES256', typ: type })
    .sign(key);
}

async function verify(
  jws: string,
  {
    type,
    keys,
    code,
  }: { readonly type: string; readonly keys: readonly CryptoKey[]; readonly code: FailureCode },
): Promise<string> {
  for (const key of keys) {
    try {
      const { payload, protectedHeader } = await compactVerify(jws, key, { algorithms: ['ES256'] });
      if (protectedHeader.typ === type) return new TextDecoder().decode(payload);
    } catch {
      // Another of the keys may have signed it.
    }
  }
  throw new Failure(code, 'A signed statement about keys could not be verified.');
}
