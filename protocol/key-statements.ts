// Signed statements about keys (compact JWS, RFC 7515, ES256): which key opens an agent's inputs, which keys verify
// intents, and that whoever asks for an identity back still holds its old key. Each has a type of its own, so that
// none can stand for another.
import { calculateJwkThumbprint, compactVerify, CompactSign } from 'jose';
import type { CryptoKey, JWK, KeyObject } from 'jose';
import { z } from 'zod';
import { Failure } from './failures.ts';
import type { FailureCode } from './failures.ts';
import { canonicalJson, parseJson } from './json.ts';
import { sealingKeySchema } from './api/enrollment.ts';

export type SealingKey = z.infer<typeof sealingKeySchema>;
type Key = CryptoKey | KeyObject;

const sealingKeyType = 'wayside-sealing-key+jws';
const intentKeysType = 'wayside-intent-keys+jws';
const recoveryType = 'wayside-recovery+jws';

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
  /** Epoch ms; an older statement never replaces a newer one. */
  issued_at: z.int(),
});
export type IntentKeys = z.infer<typeof intentKeysSchema>;

/** Says with the agent's TLS key that `jwk` (public, `kid` = thumbprint of RFC 7638) is the key to seal to. */
export async function proveSealingKey(jwk: SealingKey['jwk'], tlsKey: Key): Promise<SealingKey> {
  return { jwk, proof: await sign(jwk, { type: sealingKeyType, key: tlsKey }) };
}

/** Throws `invalid_csr` unless the statement is about this very key, its `kid` is right, and `tlsKey` signed it. */
export async function verifySealingKey(sealingKey: SealingKey, tlsKey: Key): Promise<void> {
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

/** The statement of `identity.intent_keys` and `welcome.intent_keys`, signed by the data-plane CA. */
export async function signIntentKeys(
  statement: { readonly keys: readonly JWK[]; readonly issued_at: number },
  caKey: Key,
): Promise<string> {
  return sign(statement, { type: intentKeysType, key: caKey });
}

/** Throws `invalid_intent` unless one of `caKeys` signed it. */
export async function verifyIntentKeys(jws: string, caKeys: readonly Key[]): Promise<IntentKeys> {
  const payload = await verify(jws, { type: intentKeysType, keys: caKeys, code: 'invalid_intent' });
  const result = intentKeysSchema.safeParse(parseJson(payload));
  if (!result.success)
    throw new Failure('invalid_intent', 'The statement about the intent keys has another form.');
  return result.data;
}

/** Says with the agent's old TLS key that it asks for its identity back, with this token and this request. */
export async function proveRecovery(
  request: { readonly token: string; readonly csr: string },
  oldTlsKey: Key,
): Promise<string> {
  return sign(request, { type: recoveryType, key: oldTlsKey });
}

/** Throws `certificate_rejected` unless the old key signed this very request. */
export async function verifyRecovery(
  proof: string,
  request: { readonly token: string; readonly csr: string },
  oldTlsKey: Key,
): Promise<void> {
  const payload = await verify(proof, {
    type: recoveryType,
    keys: [oldTlsKey],
    code: 'certificate_rejected',
  });
  if (payload !== canonicalJson({ token: request.token, csr: request.csr })) {
    throw new Failure('certificate_rejected', 'The proof of the old key is about another request.');
  }
}

async function sign(
  statement: unknown,
  { type, key }: { readonly type: string; readonly key: Key },
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(canonicalJson(statement)))
    .setProtectedHeader({ alg: 'ES256', typ: type })
    .sign(key);
}

async function verify(
  jws: string,
  { type, keys, code }: { readonly type: string; readonly keys: readonly Key[]; readonly code: FailureCode },
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
