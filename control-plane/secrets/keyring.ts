// The local key provider: versions of one 256-bit key in a file, by default beside the data, better elsewhere.
import { randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { KeyProvider, WrappedKey } from './key-provider.ts';
import { contentOf, keyringOf } from './keyring-content.ts';
import { readKeyringFile, writeKeyringFile } from './keyring-file.ts';
import { activeOf, firstVersion, heldOf, rotated, unwrapBy, without, wrapBy } from './keyring-versions.ts';
import type { Keyring } from './keyring-versions.ts';
import { deriveKey, newDerivation } from './passphrase.ts';

export interface KeyringOptions {
  readonly path: string;
  /** Encrypts the keys in the file. A keyring made with one cannot be opened without it. */
  readonly passphrase?: string;
  readonly clock: { now(): number };
  /** False where the data is there already and its keyring must be too; true by default. */
  readonly mayCreate?: boolean;
  /** scrypt's N, for tests; the default is `scryptCostDefault`. */
  readonly scryptCost?: number;
}

/** Opens the keyring, or makes one with a first version where there is no file. Throws `keyring_unusable`. */
export async function openKeyring(options: KeyringOptions): Promise<KeyProvider> {
  let keyring = await loadOrCreate(options);
  let changes: Promise<unknown> = Promise.resolve();
  /** One change after the other, each from what the file says now: no version may ever be lost to another. */
  const change = (next: (before: Keyring) => Keyring): Promise<void> => {
    const done = changes.then(async () => {
      const after = next(await load(options));
      await writeKeyringFile(options.path, contentOf(after));
      keyring = after;
    });
    changes = done.catch(() => undefined);
    return done;
  };
  const wrap = async (dataKey: Uint8Array) => wrapBy(activeOf(keyring), dataKey);
  const unwrap = async (wrapped: WrappedKey) => {
    // Another process may have rotated: its new version is in the file and not yet here.
    if (!keyring.versions.some((held) => held.version === wrapped.version)) keyring = await load(options);
    return unwrapBy(heldOf(keyring, wrapped.version), wrapped.bytes);
  };
  return {
    name: 'keyring',
    currentVersion: async () => activeOf(keyring).version,
    versions: async () =>
      keyring.versions.map(({ version, state, createdAt, retiredAt }) => ({
        version,
        state,
        createdAt,
        retiredAt,
      })),
    generateDataKey: async () => {
      const plaintext = randomBytes(32);
      return { plaintext, wrapped: await wrap(plaintext) };
    },
    wrap,
    unwrap,
    rewrap: async (wrapped) => {
      const dataKey = await unwrap(wrapped);
      try {
        return await wrap(dataKey);
      } finally {
        dataKey.fill(0);
      }
    },
    health: async () => {
      await load(options);
    },
    rotate: async () => {
      await change((before) => rotated(before, options.clock.now()));
      return activeOf(keyring).version;
    },
    destroy: (version) => change((before) => without(before, version)),
  };
}

async function load(options: KeyringOptions): Promise<Keyring> {
  const file = await readKeyringFile(options.path);
  if (file !== null) return keyringOf(file, options);
  throw new Failure(
    'keyring_unusable',
    `There is no keyring at ${options.path}, and the data needs it. Restore it from where you keep a copy.`,
  );
}

async function loadOrCreate(options: KeyringOptions): Promise<Keyring> {
  const missing = (await readKeyringFile(options.path)) === null;
  if (missing && options.mayCreate !== false) {
    try {
      await writeKeyringFile(options.path, contentOf(await first(options)), { fresh: true });
    } catch (cause) {
      // Another process that starts at the same time was faster: that keyring is ours too.
      if ((await readKeyringFile(options.path)) === null) throw cause;
    }
  }
  return load(options);
}

async function first(options: KeyringOptions): Promise<Keyring> {
  const versions = [firstVersion(options.clock.now())];
  if (options.passphrase === undefined) return { protection: null, versions };
  const derivation = newDerivation(options.scryptCost);
  return { protection: { derivation, key: await deriveKey(options.passphrase, derivation) }, versions };
}
