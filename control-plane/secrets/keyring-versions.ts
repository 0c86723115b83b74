// The versions of a keyring in memory: which one wraps, how a new one comes to be, and the wrapping itself.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { KeyVersion, WrappedKey } from './key-provider.ts';
import type { Derivation } from './passphrase.ts';

export interface Held extends KeyVersion {
  /** Null once destroyed. */
  readonly key: Buffer | null;
}

/** What the file and the passphrase give; replaced as a whole, never changed. */
export interface Keyring {
  readonly protection: { readonly derivation: Derivation; readonly key: Buffer } | null;
  readonly versions: readonly Held[];
}

/** The first version of a fresh keyring. */
export function firstVersion(now: number): Held {
  return { version: 1, state: 'active', createdAt: now, retiredAt: null, key: randomBytes(32) };
}

/** A new active version; the former one only unwraps from now on. */
export function rotated(keyring: Keyring, now: number): Keyring {
  const newest = Math.max(...keyring.versions.map((held) => held.version));
  const retired = keyring.versions.map((held): Held =>
    held.state === 'active' ? { ...held, state: 'decrypt_only', retiredAt: now } : held,
  );
  const next: Held = {
    version: newest + 1,
    state: 'active',
    createdAt: now,
    retiredAt: null,
    key: randomBytes(32),
  };
  return { ...keyring, versions: [...retired, next] };
}

/** Without the key of a version that is no longer active. Throws `keyring_unusable` for any other. */
export function without(keyring: Keyring, version: number): Keyring {
  const held = keyring.versions.find((candidate) => candidate.version === version);
  if (held?.state !== 'decrypt_only') {
    throw new Failure(
      'keyring_unusable',
      `Version ${version} of the keyring cannot be destroyed: ${held === undefined ? 'there is none' : `it is ${held.state}`}.`,
    );
  }
  const versions = keyring.versions.map((candidate): Held =>
    candidate === held ? { ...candidate, state: 'destroyed', key: null } : candidate,
  );
  return { ...keyring, versions };
}

type Usable = Held & { readonly key: Buffer };

/** AES key wrap (RFC 3394): made for keys, and without a nonce that could ever repeat. */
const wrapAlgorithm = 'id-aes256-wrap';
const wrapIv = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

export function wrapBy(held: Usable, dataKey: Uint8Array): WrappedKey {
  const cipher = createCipheriv(wrapAlgorithm, held.key, wrapIv);
  return { version: held.version, bytes: Buffer.concat([cipher.update(dataKey), cipher.final()]) };
}

export function unwrapBy(held: Usable, bytes: Uint8Array): Uint8Array {
  try {
    const decipher = createDecipheriv(wrapAlgorithm, held.key, wrapIv);
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  } catch (cause) {
    throw new Failure(
      'keyring_unusable',
      `Version ${held.version} of this keyring did not wrap the key of a sealed value: the keyring belongs to other ` +
        'data, or the value was changed. Restore the keyring that belongs to this data.',
      { cause },
    );
  }
}

function isUsable(held: Held | undefined): held is Usable {
  return held !== undefined && held.key !== null;
}

export function heldOf(keyring: Keyring, version: number): Usable {
  const held = keyring.versions.find((candidate) => candidate.version === version);
  if (isUsable(held)) return held;
  throw new Failure(
    'keyring_unusable',
    `Version ${version} of the keyring is ${held === undefined ? 'not in this keyring' : 'destroyed'}: what it wrapped ` +
      'cannot be opened. Restore the keyring that belongs to this data.',
  );
}

/** keyringOf and rotated see to it that there is one. */
export function activeOf(keyring: Keyring): Usable {
  const held = keyring.versions.find((candidate) => candidate.state === 'active');
  if (!isUsable(held)) throw new Error('a keyring has one active version');
  return held;
}
