// Verifies signatures of intents with node:crypto, in this turn: WebCrypto hands each one to another thread, and that
// costs a run more than the signature itself.
import { createPublicKey, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import type { JWK } from 'jose';
import type { IntentVerifier } from '../protocol/intent.ts';

/** The keys of a statement are one object for as long as they count, and are imported once. */
const verifiers = new WeakMap<readonly JWK[], IntentVerifier>();

export function intentVerifierOf(keys: readonly JWK[]): IntentVerifier {
  const known = verifiers.get(keys);
  if (known !== undefined) return known;
  const imported = new Map<string, KeyObject>();
  for (const jwk of keys) {
    if (jwk.kid !== undefined && jwk.kty === 'EC' && jwk.crv === 'P-256' && !imported.has(jwk.kid)) {
      imported.set(jwk.kid, createPublicKey({ key: { ...jwk }, format: 'jwk' }));
    }
  }
  const verifier: IntentVerifier = (kid) => {
    const key = imported.get(kid);
    if (key === undefined) return null;
    return (bytes, signature) => verify('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' }, signature);
  };
  verifiers.set(keys, verifier);
  return verifier;
}
