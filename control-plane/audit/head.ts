// Signed heads: what an organization's chain ended with at a time, signed by the audit key and linked to the head
// signed before it, whichever organization that was of. A head that somebody keeps finds a truncated chain.
import { calculateJwkThumbprint, compactVerify, CompactSign, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { canonicalJson, parseJson } from '../../protocol/json.ts';
import { auditHeadCharactersMax } from '../../protocol/limits.ts';

const headType = 'wayside-audit-head+jws';

const headSchema = z.object({
  /** Counts the heads of the whole installation from 1. */
  number: z.int().min(1),
  organization: z.string(),
  position: z.int().min(1),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  /** Changes when a backup is restored (rules.md 12). */
  store_incarnation: z.string(),
  /** SHA-256 (hex) of the head before this one; null for the first. */
  previous: z.string().nullable(),
  /** Epoch ms. */
  at: z.int(),
});
export type AuditHead = z.infer<typeof headSchema>;

/** A head to keep elsewhere, with the public key that verifies it. */
export const exportedHeadSchema = z.object({
  jws: z.string().max(auditHeadCharactersMax),
  key: z.object({ kty: z.literal('EC'), crv: z.literal('P-256'), x: z.string(), y: z.string() }),
});
export type ExportedHead = z.infer<typeof exportedHeadSchema>;

export async function signHead(
  head: AuditHead,
  key: { readonly kid: string; readonly privateKey: CryptoKey },
): Promise<string> {
  return new CompactSign(new TextEncoder().encode(canonicalJson(head)))
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: headType })
    .sign(key.privateKey);
}

/** What the next head will call `previous`. */
export function headHash(jws: string): string {
  return createHash('sha256').update(jws, 'ascii').digest('hex');
}

/** Null where no key of `keys` signed it, or it is something else. */
export async function verifyHead(jws: string, keys: readonly JWK[]): Promise<AuditHead | null> {
  try {
    const { payload } = await compactVerify(
      jws,
      async (header) => {
        const jwk = keys.find((candidate) => candidate.kid === header.kid);
        if (header.typ !== headType || jwk === undefined) throw new Error('no key of that id signs heads');
        return importJWK(jwk, 'ES256');
      },
      { algorithms: ['ES256'] },
    );
    return headSchema.parse(parseJson(new TextDecoder().decode(payload)));
  } catch {
    return null;
  }
}

/** Reads an exported head. Throws `invalid_request` where its own key does not verify it. */
export async function openExportedHead(exported: unknown): Promise<{ head: AuditHead; kid: string }> {
  const parsed = exportedHeadSchema.safeParse(exported);
  if (parsed.success) {
    const { jws, key } = parsed.data;
    const kid = await calculateJwkThumbprint(key);
    const head = await verifyHead(jws, [{ ...key, kid }]);
    if (head !== null) return { head, kid };
  }
  throw new Failure('invalid_request', 'This is not a signed head of an audit trail, or it was changed.');
}
