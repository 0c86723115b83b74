// The key that signs intents, in the form in which signing costs least: node:crypto signs in a third of the time that
// WebCrypto takes, and every offer waits for it.
import { KeyObject, sign } from 'node:crypto';
import type { CryptoKey } from 'jose';
import type { IntentKey } from '../../protocol/intent.ts';

/** For an ES256 key pair whose private half may be exported to node:crypto. */
export function intentKeyOf(key: { readonly kid: string; readonly privateKey: CryptoKey }): IntentKey {
  const privateKey = KeyObject.from(key.privateKey as Parameters<typeof KeyObject.from>[0]);
  return {
    kid: key.kid,
    // IEEE P1363 is r and s side by side, as JWS wants it (RFC 7518, section 3.4).
    sign: (bytes) => sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  };
}

/** The active key in the form in which it signs; made again only when another one became active. */
export function currentIntentKey(active: () => Parameters<typeof intentKeyOf>[0]): () => IntentKey {
  let held: IntentKey | null = null;
  return () => {
    const key = active();
    if (held?.kid !== key.kid) held = intentKeyOf(key);
    return held;
  };
}
