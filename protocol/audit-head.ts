// Signed heads: what an organization's chain ended with at a time, signed by the audit key and linked to the head
// signed before it, whichever organization that was of. A head that somebody keeps finds a truncated chain. And signed
// checkpoints: what retention removed, so that the rest still verifies.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { base64url, calculateJwkThumbprint, compactVerify, CompactSign, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { z } from 'zod';
import { Failure } from './failures.ts';
import { canonicalJson, parseJson } from './json.ts';
import { auditHeadCharactersMax } from './limits.ts';

const headType = 'wayside-audit-head+jws';
const checkpointType = 'wayside-audit-checkpoint+jws';
const hashSchema = z.string().regex(/^[0-9a-f]{64}$/);

const headSchema = z.object({
  /** Counts the heads of the whole installation from 1. */
  number: z.int().min(1),
  organization: z.string(),
  position: z.int().min(1),
  hash: hashSchema,
  /** Changes when a backup is restored (rules.md 12). */
  store_incarnation: z.string(),
  /** SHA-256 (hex) of the head before this one; null for the first. */
  previous: z.string().nullable(),
  /** Epoch ms. */
  at: z.int(),
});
export type AuditHead = z.infer<typeof headSchema>;

const checkpointSchema = z.object({
  /** Of an organization's events; '' where it is about the chain of heads itself. */
  organization: z.string(),
  /** The last event (or number of a head) that was removed. */
  position: z.int().min(1),
  /** Of that event (or head): what comes next takes it up. */
  hash: hashSchema,
  store_incarnation: z.string(),
  /** Epoch ms. */
  at: z.int(),
});
export type AuditCheckpoint = z.infer<typeof checkpointSchema>;

/** Public half of a key that signs heads. */
export const auditKeySchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
});
export type AuditKey = z.infer<typeof auditKeySchema>;

/** A head to keep elsewhere, with the public key that verifies it. */
export const exportedHeadSchema = z.object({
  jws: z.string().max(auditHeadCharactersMax),
  key: auditKeySchema,
});
export type ExportedHead = z.infer<typeof exportedHeadSchema>;

interface PrivateKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

export async function signHead(head: AuditHead, key: PrivateKey): Promise<string> {
  return sign(head, headType, key);
}

export async function signCheckpoint(checkpoint: AuditCheckpoint, key: PrivateKey): Promise<string> {
  return sign(checkpoint, checkpointType, key);
}

/** What the next head will call `previous`. */
export function headHash(jws: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(jws)));
}

/** Null where no key of `keys` (with their `kid`) signed it, or it is something else. */
export async function verifyHead(jws: string, keys: readonly JWK[]): Promise<AuditHead | null> {
  return verify(jws, keys, { type: headType, schema: headSchema });
}

/**
 * What a head says, whoever signed it; null where it is none. Good for heads that a later, verified one takes up by
 * their hashes.
 */
export function readHead(jws: string): AuditHead | null {
  try {
    const payload = new TextDecoder().decode(base64url.decode(jws.split('.')[1] ?? ''));
    return headSchema.parse(parseJson(payload));
  } catch {
    return null;
  }
}

/** Null where no key of `keys` (with their `kid`) signed it, or it is something else. */
export async function verifyCheckpoint(jws: string, keys: readonly JWK[]): Promise<AuditCheckpoint | null> {
  return verify(jws, keys, { type: checkpointType, schema: checkpointSchema });
}

/** Reads an exported head. Throws `invalid_request` where its own key does not verify it. */
export async function openExportedHead(exported: unknown): Promise<{ head: AuditHead; kid: string }> {
  const parsed = exportedHeadSchema.safeParse(exported);
  if (parsed.success) {
    const key = await withKid(parsed.data.key);
    const head = await verifyHead(parsed.data.jws, [key]);
    if (head !== null) return { head, kid: key.kid };
  }
  throw new Failure('invalid_request', 'This is not a signed head of an audit trail, or it was changed.');
}

/** The key with its id, which is its thumbprint (RFC 7638): what somebody else calls it does not count. */
export async function withKid(key: AuditKey): Promise<AuditKey & { readonly kid: string }> {
  const { kty, crv, x, y } = key;
  return { kty, crv, x, y, kid: await calculateJwkThumbprint({ kty, crv, x, y }) };
}

async function sign(statement: AuditHead | AuditCheckpoint, type: string, key: PrivateKey): Promise<string> {
  return new CompactSign(new TextEncoder().encode(canonicalJson(statement)))
    .setProtectedHeader({ alg: 'ES256', kid: key.kid, typ: type })
    .sign(key.privateKey);
}

async function verify<Statement>(
  jws: string,
  keys: readonly JWK[],
  expected: { readonly type: string; readonly schema: z.ZodType<Statement> },
): Promise<Statement | null> {
  try {
    const { payload } = await compactVerify(
      jws,
      async (header) => {
        const jwk = keys.find((candidate) => candidate.kid === header.kid);
        if (header.typ !== expected.type || jwk === undefined) throw new Error('no key of that id signs it');
        return importJWK(jwk, 'ES256');
      },
      { algorithms: ['ES256'] },
    );
    return expected.schema.parse(parseJson(new TextDecoder().decode(payload)));
  } catch {
    return null;
  }
}
