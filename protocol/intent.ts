// A signed intent says which agent may run which action with which inputs, once, until when (architecture.md 7).
// JWS compact serialization (RFC 7515) with ES256 over the canonical JSON (RFC 8785) of the intent.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { base64url, compactVerify } from 'jose';
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

/**
 * Opens a signed intent with the keys that the agent got at enrolment. Throws `invalid_intent` for any signature,
 * key, type or shape that is not right; who it is for and how old it is are the caller's checks.
 */
export async function verifyIntent(jws: string, keys: readonly JWK[]): Promise<Intent> {
  try {
    const { payload } = await compactVerify(
      jws,
      (header) => {
        const jwk = keys.find((candidate) => candidate.kid === header.kid);
        if (header.typ !== intentType || jwk === undefined)
          throw new Error('no key of that id signs intents');
        // Given as it is, so that jose imports one and the same object once and not for every run.
        return jwk;
      },
      { algorithms: ['ES256'] },
    );
    return intentSchema.parse(parseJson(new TextDecoder().decode(payload)));
  } catch (cause) {
    throw new Failure(
      'invalid_intent',
      'The signed request could not be verified with the keys of this control plane.',
      {
        cause,
      },
    );
  }
}

/** One input of a run: its value, and for a sensitive one the salt of its commitment (base64url, 16 bytes). */
export interface IntentInput {
  readonly value: JsonValue;
  readonly salt?: string;
}

/** The digest that the intent carries. Never covers a secret's plaintext without its salt (rules.md 29). */
export async function inputsDigest(inputs: Readonly<Record<string, IntentInput>>): Promise<string> {
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

function sha256Hex(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
