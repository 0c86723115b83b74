// The keys that verify intents, as agents get them: a JWK set signed by the data-plane CA (RFC 7515, RFC 7517).
import { CompactSign } from 'jose';
import type { JWK } from 'jose';
import { intentKeysType } from '../../protocol/api/enrollment.ts';
import { canonicalJson } from '../../protocol/json.ts';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import type { Authorities } from './authorities.ts';

/** The active intent key, made with its successor where there is none yet. */
export async function ensureIntentKey(keys: SigningKeys): Promise<SigningKey> {
  const active = await keys.ensure({ purpose: 'intent' });
  const known = await keys.list('intent');
  if (!known.some((key) => key.state === 'next')) await keys.create({ purpose: 'intent', state: 'next' });
  return active;
}

/** Compact JWS over the active key and the next one, so that a rotation reaches no agent unprepared. */
export async function signIntentKeys(authorities: Authorities, keys: SigningKeys): Promise<string> {
  const known = await keys.list('intent');
  return signKeySet(authorities, { type: intentKeysType, keys: known.map((key) => key.publicJwk) });
}

/** A statement of the data-plane CA about public keys; its own chain is in the header. */
export async function signKeySet(
  authorities: Authorities,
  { type, keys }: { readonly type: string; readonly keys: readonly JWK[] },
): Promise<string> {
  const set = { keys };
  const { chain, dataPlane } = authorities;
  return new CompactSign(new TextEncoder().encode(canonicalJson(set)))
    .setProtectedHeader({
      alg: 'ES256',
      typ: type,
      kid: dataPlane.kid,
      x5c: derOf(chain),
    })
    .sign(dataPlane.privateKey);
}

/** Makes the next key the active one and a new next one. The former verifies until its last intent has expired. */
export async function rotateIntentKey(
  keys: SigningKeys,
  activate: (steps: ReturnType<SigningKeys['activate']>) => Promise<unknown>,
): Promise<SigningKey> {
  const next = (await keys.list('intent')).find((key) => key.state === 'next');
  if (next === undefined) return keys.create({ purpose: 'intent' });
  await activate(keys.activate(next.kid, 'intent'));
  return ensureIntentKey(keys);
}

/** The certificates of a PEM text as RFC 7515, section 4.1.6 writes them. */
function derOf(pem: string): string[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => block.replaceAll(/-----[A-Z ]+-----|\s/g, ''));
}
