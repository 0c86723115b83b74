// Who keeps the keys that wrap all others: a local keyring by default, a transit engine later. Only data keys are
// given to it; what they protect is bound to its row by the envelope (seal-at-rest.ts), because a transit engine
// cannot wrap again what it wrapped with additional data.

/** `active` wraps and unwraps, `decrypt_only` unwraps, of a `destroyed` one nothing is left but its number. */
export type KeyState = 'active' | 'decrypt_only' | 'destroyed';

export interface KeyVersion {
  readonly version: number;
  readonly state: KeyState;
  /** Epoch ms. */
  readonly createdAt: number;
  /** When it stopped being the active one. */
  readonly retiredAt: number | null;
}

export interface WrappedKey {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Every method rejects with `keyring_unusable` where the provider does not answer or lacks the version. */
export interface KeyProvider {
  /** Goes into each envelope, so that one provider never tries another's. Lower-case letters. */
  readonly name: string;
  currentVersion(): Promise<number>;
  versions(): Promise<readonly KeyVersion[]>;
  /** A fresh 256-bit key, also wrapped by the active version. Wipe `plaintext` after use. */
  generateDataKey(): Promise<{ readonly plaintext: Uint8Array; readonly wrapped: WrappedKey }>;
  wrap(dataKey: Uint8Array): Promise<WrappedKey>;
  unwrap(wrapped: WrappedKey): Promise<Uint8Array>;
  /** Wraps again by the active version; the data key does not leave the provider. */
  rewrap(wrapped: WrappedKey): Promise<WrappedKey>;
  health(): Promise<void>;
  /** Makes a new active version; the former one is `decrypt_only` from now on. Resolves with its number. */
  rotate(): Promise<number>;
  /** For good. Use destroyKeyVersion (rotate.ts), which first looks whether something still needs it. */
  destroy(version: number): Promise<void>;
}
