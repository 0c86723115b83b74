// Passkeys (WebAuthn Level 3): what a browser is asked, and whether what it answers is good. A passkey shows that its
// holder is there and was verified by their device, so it is two factors in one.
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { passkeyChallengeMs } from '../../protocol/limits-authority.ts';
import type { PrincipalRecord } from '../authority/policy.ts';
import type { PasskeysTable } from '../store/tables-sign-in.ts';
import type { Amr } from './contract.ts';
import type { PublicOrigins } from './origins.ts';

const base64url = z
  .string()
  .regex(/^[A-Za-z0-9_-]+$/)
  .max(64 * 1024);

/** The answer of `navigator.credentials.create` (section 5.1, RegistrationResponseJSON); what is not named is ignored. */
export const registrationResponseSchema = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z.array(z.string().max(32)).max(10).optional(),
  }),
  clientExtensionResults: z.object({}).default({}),
});
export type RegistrationResponse = z.infer<typeof registrationResponseSchema>;

/** The answer of `navigator.credentials.get` (AuthenticationResponseJSON). */
export const authenticationResponseSchema = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish(),
  }),
  clientExtensionResults: z.object({}).default({}),
});
export type AuthenticationResponse = z.infer<typeof authenticationResponseSchema>;

/** Throws `passkeys_unavailable` where the server is reached by an address. */
export function rpIdOf({ rpId }: PublicOrigins): string {
  if (rpId !== null) return rpId;
  throw new Failure(
    'passkeys_unavailable',
    'Passkeys are made for a name, and this server is reached by an address. Start it with --public-url.',
  );
}

/** ES256 first, then EdDSA and RS256 (IANA COSE algorithms). */
const algorithms = [-7, -8, -257];

export async function askToRegister(
  origins: PublicOrigins,
  of: { readonly principal: PrincipalRecord; readonly known: readonly PasskeysTable[] },
) {
  return generateRegistrationOptions({
    rpName: 'Wayside',
    rpID: rpIdOf(origins),
    userName: of.principal.name,
    userID: new TextEncoder().encode(of.principal.id),
    timeout: passkeyChallengeMs,
    attestationType: 'none',
    excludeCredentials: of.known.map(({ id, transports }) => ({ id, transports: words(transports) })),
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: algorithms,
  });
}

export type NewPasskey = Pick<PasskeysTable, 'id' | 'public_key' | 'counter' | 'transports' | 'backed_up'>;

/** Throws `sign_in_failed` for an answer to another question, of another origin, or without a verified holder. */
export async function checkRegistration(
  origins: PublicOrigins,
  answer: { readonly response: RegistrationResponse; readonly challenge: string },
): Promise<NewPasskey> {
  const { response, challenge } = answer;
  try {
    const checked = await verifyRegistrationResponse({
      response: response as never,
      expectedChallenge: challenge,
      expectedOrigin: [...origins.all],
      expectedRPID: rpIdOf(origins),
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    });
    if (!checked.verified) throw new Error('the attestation is not good');
    const { credential, credentialBackedUp } = checked.registrationInfo;
    return {
      id: credential.id,
      public_key: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      transports: (response.response.transports ?? []).filter((word) => /^[a-z-]+$/.test(word)).join(' '),
      backed_up: credentialBackedUp ? 1 : 0,
    };
  } catch (cause) {
    throw passkeyRefused(cause);
  }
}

/** Any passkey of this server may answer: it says itself whose it is. */
export async function askForPasskey(origins: PublicOrigins) {
  return generateAuthenticationOptions({
    rpID: rpIdOf(origins),
    timeout: passkeyChallengeMs,
    userVerification: 'required',
  });
}

export interface CheckedPasskey {
  /** The new count of its uses; 0 for ever for those that do not count. */
  readonly counter: number;
  readonly methods: readonly Amr[];
}

/**
 * Throws `sign_in_failed`, with `details.copied` where the count of uses did not go up: then somebody may hold a copy
 * of it (section 6.1.1).
 */
export async function checkPasskey(
  origins: PublicOrigins,
  answer: {
    readonly response: AuthenticationResponse;
    readonly challenge: string;
    readonly passkey: PasskeysTable;
  },
): Promise<CheckedPasskey> {
  const { response, challenge, passkey } = answer;
  const { userHandle } = response.response;
  // A discoverable credential names its account, and that has to be the one that it is stored for (section 7.2, 6).
  if (
    typeof userHandle === 'string' &&
    Buffer.from(userHandle, 'base64url').toString() !== passkey.principal
  ) {
    throw passkeyRefused(new Error('the passkey names another account'));
  }
  const checked = await verify(origins, { response, challenge, passkey });
  const { newCounter: counter } = checked;
  if ((counter > 0 || passkey.counter > 0) && counter <= passkey.counter) {
    throw new Failure('sign_in_failed', 'This passkey was used in a state that it has left.', {
      details: { copied: true },
    });
  }
  return { counter, methods: [passkey.backed_up === 1 ? 'swk' : 'hwk', 'user', 'mfa'] };
}

async function verify(
  origins: PublicOrigins,
  { response, challenge, passkey }: Parameters<typeof checkPasskey>[1],
) {
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: response as never,
      expectedChallenge: challenge,
      expectedOrigin: [...origins.all],
      expectedRPID: rpIdOf(origins),
      requireUserVerification: true,
      credential: {
        id: passkey.id,
        publicKey: new Uint8Array(Buffer.from(passkey.public_key, 'base64url')),
        // The count is compared above, so that a copy is told from a bad signature.
        counter: 0,
      },
    });
    if (!verified) throw new Error('the signature is not good');
    return authenticationInfo;
  } catch (cause) {
    throw passkeyRefused(cause);
  }
}

function passkeyRefused(cause: unknown): Failure {
  return cause instanceof Failure
    ? cause
    : new Failure('sign_in_failed', 'The passkey was not accepted. Try again, or sign in another way.', {
        cause,
      });
}

function words(text: string): string[] {
  return text.split(' ').filter(Boolean);
}
