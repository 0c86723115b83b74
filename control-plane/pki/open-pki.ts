// The authorities and intent keys of a running control plane: opened at start, looked at again while it runs, so
// that a rotation anywhere arrives everywhere.
import { X509Certificate } from 'node:crypto';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import { ensureAuthorities } from './authorities.ts';
import type { Authorities } from './authorities.ts';
import { ensureIntentKey, signIntentKeys } from './intent-keys.ts';

export interface PkiOptions {
  readonly keys: SigningKeys;
  readonly trustDomain: string;
  readonly clock: { now(): number };
}

export interface Pki {
  authorities(): Authorities;
  /** Signs intents now. */
  intentKey(): SigningKey;
  /** The JWS over the keys that verify intents, for `identity.intent_keys` and `welcome.intent_keys`. */
  intentKeys(): string;
  /** Every data-plane CA that there ever was, to check a certificate that is older than the present one. */
  formerDataPlanes(): Promise<readonly X509Certificate[]>;
  /** After a rotation, and once a day: renews authorities that run out, and takes what other replicas made. */
  refresh(): Promise<void>;
}

interface Held {
  readonly authorities: Authorities;
  readonly intentKey: SigningKey;
  readonly intentKeys: string;
}

/** Makes what is missing. Throws `envelope_rejected` or `keyring_unusable`. */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const { keys, trustDomain, clock } = options;
  const open = async (): Promise<Held> => {
    const authorities = await ensureAuthorities({ keys, trustDomain, now: clock.now() });
    const intentKey = await ensureIntentKey(keys);
    return { authorities, intentKey, intentKeys: await signIntentKeys(authorities, keys) };
  };
  let held = await open();
  return {
    authorities: () => held.authorities,
    intentKey: () => held.intentKey,
    intentKeys: () => held.intentKeys,
    async formerDataPlanes() {
      const stored = await keys.list('ca_data_plane', { retired: true });
      return stored.flatMap((key) =>
        key.certificate === null ? [] : [new X509Certificate(key.certificate)],
      );
    },
    async refresh() {
      held = await open();
    },
  };
}
