// Seals the inputs of a run to the one agent that runs it: JWE flattened JSON (RFC 7516) with ECDH-ES+A256KW and
// A256GCM on P-256. The additional data binds run, attempt, agent, digest and expiry, so a swapped envelope fails.
import { FlattenedEncrypt, flattenedDecrypt } from 'jose';
import type { CryptoKey, FlattenedJWE } from 'jose';
import { z } from 'zod';
import { Failure } from './failures.ts';
import { runTokenSchema } from './ids.ts';
import type { IntentInput } from './intent.ts';
import { canonicalJson, parseJson, stringifyJson } from './json.ts';
import type { JsonValue } from './json.ts';
import { sealedBytesMax } from './limits.ts';
import { jsonValueSchema } from './outcome.ts';

/** What the seal is bound to; the agent compares it with the intent that came along. */
export interface SealBinding {
  readonly run: string;
  readonly attempt: number;
  readonly agent: string;
  readonly digest: string;
  readonly notAfter: number;
}

const sealedSchema = z.object({
  inputs: z.record(z.string(), z.object({ value: jsonValueSchema, salt: z.string().optional() })),
  /** Built-in values that the action may read besides its inputs, as dotted names. */
  context: z.record(z.string(), jsonValueSchema),
  /** The token of this attempt, for an action that asks for one. */
  token: runTokenSchema.optional(),
});

/** What is inside: the inputs with the salts of their commitments, and the built-in values. */
export interface SealedInputs {
  readonly inputs: Readonly<Record<string, IntentInput>>;
  readonly context: Readonly<Record<string, JsonValue>>;
  readonly token?: string;
}

export async function sealInputs(
  content: SealedInputs,
  recipient: { readonly kid: string; readonly publicKey: CryptoKey },
  binding: SealBinding,
): Promise<FlattenedJWE> {
  return new FlattenedEncrypt(new TextEncoder().encode(stringifyJson(content)))
    .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM', kid: recipient.kid })
    .setAdditionalAuthenticatedData(bindingBytes(binding))
    .encrypt(recipient.publicKey);
}

/**
 * Inputs of which none is sensitive travel as they are: the intent's signature covers them and TLS hides them, and
 * sealing costs more than all else that a run needs. A salted input in them is refused by `openInputs`.
 */
export function clearInputs(content: SealedInputs): { readonly clear: SealedInputs } {
  if (isSecret(content)) throw new Error('sensitive inputs are sealed, never sent in the clear');
  return { clear: content };
}

/** Whether anything in it may only travel sealed. */
export function isSecret(content: SealedInputs): boolean {
  if (content.token !== undefined) return true;
  return Object.values(content.inputs).some((input) => input.salt !== undefined);
}

/** Throws `cannot_open` where key, binding or content do not fit; the server then seals again (rules.md 30). */
export async function openInputs(
  envelope: unknown,
  keyOf: (kid: string) => CryptoKey | null,
  binding: SealBinding,
): Promise<SealedInputs> {
  try {
    if (JSON.stringify(envelope).length > sealedBytesMax) throw new Error('the envelope is too large');
    if (typeof envelope === 'object' && envelope !== null && 'clear' in envelope) {
      const content = sealedSchema.parse(envelope.clear) as SealedInputs;
      if (isSecret(content)) throw new Error('a sensitive input or a token came without a seal');
      return content;
    }
    const jwe = envelope as FlattenedJWE;
    const expected = new TextEncoder().encode(base64url(bindingBytes(binding)));
    if (jwe.aad !== new TextDecoder().decode(expected))
      throw new Error('the envelope is bound to something else');
    const { plaintext } = await flattenedDecrypt(
      jwe,
      (header) => {
        const key = keyOf(header?.kid ?? '');
        if (key === null) throw new Error('the envelope is sealed to a key that this agent does not have');
        return key;
      },
      { keyManagementAlgorithms: ['ECDH-ES+A256KW'], contentEncryptionAlgorithms: ['A256GCM'] },
    );
    const content = sealedSchema.parse(parseJson(new TextDecoder().decode(plaintext)));
    return content as SealedInputs;
  } catch (cause) {
    throw new Failure('cannot_open', 'The sealed inputs could not be opened with the keys of this agent.', {
      cause,
    });
  }
}

function bindingBytes(binding: SealBinding): Uint8Array {
  return new TextEncoder().encode(canonicalJson(binding));
}

function base64url(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
