// A signed intent says which agent may run which action with which inputs, once, until when (architecture.md 7).
// JWS compact serialization (RFC 7515) with ES256 over the canonical JSON (RFC 8785) of the intent.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { base64url, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { z } from 'zod';
import { Failure } from './failures.ts';
import { idSchema, nameSchema } from './ids.ts';
import { canonicalJson, parseJson } from './json.ts';
import type { JsonValue } from './json.ts';

const intentType = 'wayside-intent+jws';

export const intentSchema = z.object({
  run: idSchema,
  attempt: z.int().min(1),
  agent: idSchema,
  organization: idSchema,
  project: idSchema,
  group: nameSchema,
  operation: nameSchema,
  action: z.object({ id: idSchema, name: nameSchema }),
  definition_digest: z.string(),
  /** `sha256:` over the canonical inputs, where a salted commitment stands for each sensitive one (rules.md 29). */
  inputs_digest: z.string(),
  /** Who pressed; the control plane's claim (rules.md 34). */
  requested_by: z.object({ id: z.string(), name: z.string() }),
  approvals: z.array(z.string()),
  /** Changes when the database is restored or rolled back (rules.md 12). */
  store_incarnation: idSchema,
  issued_at: z.int(),
  /** Epoch ms after which no agent may accept it. */
  not_after: z.int(),
});
export type Intent = z.infer<typeof intentSchema>;

/** An active intent key; `kid` is its JWK thumbprint (RFC 7638). */
export interface IntentKey {
  readonly kid: string;
  /** ES256 over the bytes: the 64 bytes of r and s (RFC 7518, section 3.4). */
  readonly sign: (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array>;
}

/** Signs with a key of WebCrypto. */
export async function signIntent(
  intent: Intent,
  key: { readonly kid: string; readonly privateKey: CryptoKey },
): Promise<string> {
  const { subtle } = globalThis.crypto;
  const sign = async (bytes: Uint8Array): Promise<Uint8Array> => {
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    return new Uint8Array(await subtle.sign(algorithm, key.privateKey, new Uint8Array(bytes)));
  };
  return signIntentWith(intent, { kid: key.kid, sign });
}

/** The JWS in compact form (RFC 7515, section 7.1), whoever makes the signature. */
export async function signIntentWith(intent: Intent, key: IntentKey): Promise<string> {
  const header = JSON.stringify({ alg: 'ES256', kid: key.kid, typ: intentType });
  const input = `${base64url.encode(header)}.${base64url.encode(canonicalJson(intent))}`;
  return `${input}.${base64url.encode(await key.sign(new TextEncoder().encode(input)))}`;
}

const headerSchema = z.strictObject({
  alg: z.literal('ES256'),
  kid: z.string(),
  typ: z.literal(intentType),
});

/** Whether a signature (r and s, 64 bytes) over the bytes is that key's; null where no key of that id signs intents. */
export type IntentVerifier = (
  kid: string,
) => ((bytes: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>) | null;

/**
 * Opens a signed intent (RFC 7515, section 5.2) with the keys that the agent got at enrolment. Throws
 * `invalid_intent` for any signature, key, type or shape that is not right; who it is for and how old it is are the
 * caller's checks.
 */
export async function verifyIntentWith(jws: string, verifier: IntentVerifier): Promise<Intent> {
  try {
    const [header = '', payload = '', signature = '', ...rest] = jws.split('.');
    if (rest.length > 0) throw new Error('a compact JWS has three parts');
    // Strict, so that a header that asks for more than this (`crit`, `b64`) is refused.
    const { kid } = headerSchema.parse(parseJson(textOf(header)));
    const verify = verifier(kid);
    if (verify === null) throw new Error('no key of that id signs intents');
    const bytes = new TextEncoder().encode(`${header}.${payload}`);
    if (!(await verify(bytes, base64url.decode(signature)))) throw new Error('the signature is not right');
    return intentSchema.parse(parseJson(textOf(payload)));
  } catch (cause) {
    throw new Failure(
      'invalid_intent',
      'The signed request could not be verified with the keys of this control plane.',
      { cause },
    );
  }
}

/** The same with keys as they are published, by WebCrypto. */
export async function verifyIntent(jws: string, keys: readonly JWK[]): Promise<Intent> {
  const { subtle } = globalThis.crypto;
  return verifyIntentWith(jws, (kid) => {
    const jwk = keys.find((candidate) => candidate.kid === kid);
    if (jwk === undefined) return null;
    return async (bytes, signature) =>
      subtle.verify(
        { name: 'ECDSA', hash: 'SHA-256' },
        (await importJWK(jwk, 'ES256')) as CryptoKey,
        new Uint8Array(signature),
        new Uint8Array(bytes),
      );
  });
}

function textOf(part: string): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(base64url.decode(part));
}

/** One input of a run: its value, and for a sensitive one the salt of its commitment (base64url, 16 bytes). */
export interface IntentInput {
  readonly value: JsonValue;
  readonly salt?: string;
}

/** The digest that the intent carries. Never covers a secret's plaintext without its salt (rules.md 29). */
export async function inputsDigest(inputs: Readonly<Record<string, IntentInput>>): Promise<string> {
  if (Object.keys(inputs).length === 0) return noInputsDigest;
  const committed: [string, JsonValue][] = [];
  for (const [name, input] of Object.entries(inputs)) {
    committed.push([
      name,
      input.salt === undefined
        ? { value: input.value }
        : { commitment: sha256Hex(`${input.salt}.${canonicalJson(input.value)}`) },
    ]);
  }
  return `sha256:${sha256Hex(canonicalJson(Object.fromEntries(committed)))}`;
}

const noInputsDigest = `sha256:${sha256Hex('{}')}`;

function sha256Hex(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
