// Requests and answers of enrolment (`POST /enroll`, server-authenticated TLS) and renewal (`POST /renew`, mutual TLS).
import { z } from 'zod';
import { idSchema, nameSchema } from '../ids.ts';
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
  name: nameSchema,
  /** PKCS #10, PEM. The server takes the public key from it and ignores every name. */
  csr: z.string().max(16 * 1024),
  sealing_key: sealingKeySchema,
});

export const identitySchema = z.object({
  agent: z.object({ id: idSchema, name: nameSchema }),
  organization: idSchema,
  project: idSchema,
  groups: z.array(nameSchema),
  /** Leaf first, then the data-plane CA and the intermediate; PEM. */
  certificate_chain: z.string(),
  /** The root, PEM: the trust anchor for the agent's connections. */
  root: z.string(),
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

export const renewSchema = z.strictObject({
  csr: z.string().max(16 * 1024),
  sealing_key: sealingKeySchema,
  generation: z.int().min(1),
});
