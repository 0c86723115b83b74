// Requests and answers of enrolment (`POST /enroll`, server-authenticated TLS) and renewal (`POST /renew`, mutual TLS).
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema } from '../ids.ts';
import { canonicalJson } from '../json.ts';
import { trustAnchorsMax } from '../limits.ts';
import { timeSchema } from './page.ts';

/** Public JWK of the agent's sealing key and a JWS over it by the agent's TLS key (architecture.md, section 7). */
export const sealingKeySchema = z.object({
  jwk: z.object({
    kty: z.literal('EC'),
    crv: z.literal('P-256'),
    x: z.string().max(64),
    y: z.string().max(64),
    kid: z.string().max(64),
  }),
  /** Compact JWS, ES256, of the canonical JWK by the key of the certificate request. */
  proof: z.string().max(4_096),
});

export const enrollSchema = z.strictObject({
  token: z.string().max(512),
  name: newNameSchema,
  /** PKCS #10, PEM. The server takes the public key from it and ignores every name. */
  csr: z.string().max(16 * 1024),
  sealing_key: sealingKeySchema,
});

/**
 * The roots that count from now on. One that the agent does not hold yet comes with `cross`: a certificate for the
 * same name and key that a root which it holds has signed (RFC 4210, section 4.4: "new with old"). What is missing
 * from the list is given up, as long as one that is held stays (rules.md 20).
 */
export const trustAnchorsSchema = z
  .array(
    z.object({
      /** PEM, signed by itself. */
      root: z.string().max(8 * 1024),
      cross: z
        .string()
        .max(8 * 1024)
        .nullable(),
    }),
  )
  .max(trustAnchorsMax);
export type TrustAnchors = z.infer<typeof trustAnchorsSchema>;

export const identitySchema = z.object({
  agent: z.object({ id: idSchema, name: nameSchema }),
  organization: idSchema,
  project: idSchema,
  groups: z.array(nameSchema),
  /** Leaf first, then the data-plane CA, the intermediate, and a cross-signed root while two roots count; PEM. */
  certificate_chain: z.string(),
  /** The root that the chain ends in, PEM: one that the agent pins or holds already. */
  root: z.string(),
  trust_anchors: trustAnchorsSchema.optional(),
  /** Signed JWK set that verifies intents; see `welcome.intent_keys`. */
  intent_keys: z.string(),
  /** Where the agent connects, `wss://host:port/agent`. */
  agent_url: z.string(),
  not_after: timeSchema,
  /** Counts the certificates of this agent; one that goes back is a copy (rules.md 13). */
  generation: z.int().min(1),
  /** True when a person must approve the agent before it gets anything. */
  pending_approval: z.boolean(),
});
export type Identity = z.infer<typeof identitySchema>;

/**
 * `POST /renew`. The agent keeps its new key on disk before it asks: an answer that was lost is asked for again with
 * the same key and the same generation, and gets the same new generation. Another key with an old generation is a
 * copy of the agent, and quarantines it.
 */
export const renewSchema = z.strictObject({
  csr: z.string().max(16 * 1024),
  sealing_key: sealingKeySchema,
  /** Of the certificate that this connection presents. */
  generation: z.int().min(1),
});

/**
 * `POST /recover` on the enrolment listener: an agent whose certificate expired gets a new one for the same identity
 * (rules.md 11). The answer is the same as that of enrolment.
 */
export const recoverSchema = z.strictObject({
  /** A recovery token, bound to this agent's id; written like a join token. */
  token: z.string().max(512),
  csr: z.string().max(16 * 1024),
  sealing_key: sealingKeySchema,
  /** The agent's last certificate, PEM. */
  certificate: z.string().max(16 * 1024),
  /** Compact JWS, ES256, type `recoveryProofType`, by the key of that certificate, over `recoveryStatement`. */
  proof: z.string().max(4_096),
});

export const recoveryProofType = 'wayside-recovery+jws';

/** What the old key signs: this very request with this very token. Canonical JSON (RFC 8785). */
export function recoveryStatement(request: { readonly token: string; readonly csr: string }): string {
  return canonicalJson({ csr: request.csr, token: request.token });
}

/** Protected header type of `intent_keys`; `x5c` carries the data-plane CA and the intermediate (RFC 7515, 4.1.6). */
export const intentKeysType = 'wayside-intent-keys+jws';

/** A join or recovery token in its parts, as `joinTokenSchema` describes it. Null for anything else. */
export function parseJoinToken(
  token: string,
): { readonly id: string; readonly secret: string; readonly rootPin: string } | null {
  const match = joinTokenPattern.exec(token);
  if (match === null) return null;
  const [, id = '', secret = '', rootPin = ''] = match;
  return { id, secret, rootPin };
}

const joinTokenPattern =
  /^wsj_([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\.([A-Za-z0-9_-]{43})\.([0-9a-f]{64})$/;
