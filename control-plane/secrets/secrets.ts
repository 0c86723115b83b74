// What the rest of the control plane asks of secrets, opened once at start over a store and a key provider.
import type { Store } from '../store/store.ts';
import type { KeyProvider } from './key-provider.ts';
import { macOf, openMacKey } from './mac-keys.ts';
import type { Mac } from './mac-keys.ts';
import { openAtRest, sealAtRest } from './seal-at-rest.ts';
import type { SealedCell } from './seal-at-rest.ts';
import { signingKeysOf } from './signing-keys.ts';
import type { SigningKeys } from './signing-keys.ts';

export interface Secrets {
  readonly provider: KeyProvider;
  /** The text that goes into the cell. */
  sealAtRest(plaintext: Uint8Array | string, cell: SealedCell): Promise<string>;
  /** Throws `envelope_rejected` or `keyring_unusable`. */
  openAtRest(envelope: string, cell: SealedCell): Promise<Uint8Array>;
  /** The same, as UTF-8 text. */
  openTextAtRest(envelope: string, cell: SealedCell): Promise<string>;
  /** For bodies of requests with an idempotency key (rules.md 29). */
  readonly bodyMac: Mac;
  /** For rows of the audit trail. */
  readonly auditMac: Mac;
  /** The key of `auditMac`, for threads that verify. */
  readonly auditMacKey: Uint8Array;
  readonly signingKeys: SigningKeys;
}

export async function openSecrets(store: Store, provider: KeyProvider): Promise<Secrets> {
  const open = (envelope: string, cell: SealedCell) => openAtRest(provider, envelope, cell);
  const auditMacKey = await openMacKey(store, provider, 'audit');
  return {
    provider,
    sealAtRest: (plaintext, cell) => sealAtRest(provider, plaintext, cell),
    openAtRest: open,
    openTextAtRest: async (envelope, cell) => new TextDecoder().decode(await open(envelope, cell)),
    bodyMac: macOf(await openMacKey(store, provider, 'body')),
    auditMac: macOf(auditMacKey),
    auditMacKey,
    signingKeys: signingKeysOf(store, provider),
  };
}

/** True where the data needs its keyring: a missing one must then not be replaced by a fresh one. */
export async function needsKeyring(store: Store): Promise<boolean> {
  const query = store.db.selectFrom('store_meta').select('name').where('name', 'like', 'mac_key.%').limit(1);
  return (await store.read(query.compile())).length > 0;
}
