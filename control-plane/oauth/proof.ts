// Proof of possession (RFC 9449): a token that is bound to a key is good only together with a fresh signature of that
// key over this very request.
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify } from 'jose';
import type { JWK } from 'jose';
import { createHash } from 'node:crypto';
import type { Store } from '../store/store.ts';
import { isFirstUse } from './once.ts';
import { proofMsMax, proofsRememberedMax } from '../../protocol/limits-authority.ts';

/** Of asymmetric keys only (section 4.3, number 5). */
export const proofAlgorithms = ['ES256', 'EdDSA', 'Ed25519'] as const;

export interface ProofMemory {
  /** False where the proof was seen before, in another request. Throws what the store throws. */
  isFresh(proof: { readonly id: string; readonly request: string; readonly until: number }): Promise<boolean>;
}

/**
 * Remembers proofs for as long as they could be used again: in the store, so that no other process takes one a second
 * time, and here, because one request is authenticated again for each further decision.
 */
export function rememberProofs(deps: {
  readonly store: Store;
  readonly clock: { now(): number };
}): ProofMemory {
  const seen = new Map<string, { readonly request: string; readonly until: number }>();
  return {
    async isFresh({ id, request, until }) {
      const before = seen.get(id);
      if (before !== undefined) return before.request === request;
      if (seen.size >= proofsRememberedMax) {
        const now = deps.clock.now();
        for (const [key, entry] of seen) if (entry.until < now) seen.delete(key);
        if (seen.size >= proofsRememberedMax) return false;
      }
      seen.set(id, { request, until });
      if (await isFirstUse(deps, { kind: 'proof-use', id, until })) return true;
      // Somebody else's: good for no request of ours.
      seen.set(id, { request: '', until });
      return false;
    },
  };
}

export interface Proven {
  /** Of the request's `DPoP` header. */
  readonly proof: string;
  readonly method: string;
  /** Without query and fragment. */
  readonly url: string;
  /** The token that is presented with it; null at the token endpoint, which gives one out. */
  readonly token: string | null;
  /** Names this request, so that looking at it twice is no replay. */
  readonly request: string;
}

/** The thumbprint of the key (RFC 7638), or null where the proof is not good for this request. */
export async function thumbprintOfProof(
  deps: { readonly memory: ProofMemory; readonly clock: { now(): number } },
  proven: Proven,
): Promise<string | null> {
  const checked = await checkProof(proven, deps.clock.now());
  if (checked === null) return null;
  const { id, thumbprint, until } = checked;
  return (await deps.memory.isFresh({ id, request: proven.request, until })) ? thumbprint : null;
}

async function checkProof(
  proven: Proven,
  now: number,
): Promise<{ readonly id: string; readonly thumbprint: string; readonly until: number } | null> {
  try {
    const { payload, protectedHeader } = await jwtVerify(proven.proof, EmbeddedJWK, {
      typ: 'dpop+jwt',
      algorithms: [...proofAlgorithms],
      currentDate: new Date(now),
      requiredClaims: ['iat', 'jti', 'htm', 'htu'],
    });
    const { jti, iat = 0, htm, htu, ath } = payload;
    const jwk = protectedHeader.jwk as JWK & { readonly d?: unknown };
    const thumbprint = await calculateJwkThumbprint(jwk);
    const good =
      jwk.d === undefined &&
      htm === proven.method &&
      typeof htu === 'string' &&
      withoutQuery(htu) === withoutQuery(proven.url) &&
      Math.abs(now - iat * 1_000) <= proofMsMax &&
      (proven.token === null || ath === hashOfToken(proven.token));
    if (!good) return null;
    return { id: `${thumbprint}:${String(jti)}`, thumbprint, until: iat * 1_000 + 2 * proofMsMax };
  } catch {
    return null;
  }
}

function withoutQuery(text: string): string | null {
  const url = URL.parse(text);
  return url === null ? null : url.origin + url.pathname;
}

function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('base64url');
}
