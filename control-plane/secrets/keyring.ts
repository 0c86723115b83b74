// The local key provider: versions of one 256-bit key in a file, by default beside the data, better elsewhere.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { KeyProvider, KeyVersion, WrappedKey } from './key-provider.ts';
import { readKeyringFile, writeKeyringFile } from './keyring-file.ts';
import type { KeyringFile } from './keyring-file.ts';
import { deriveKey, newDerivation } from './passphrase.ts';
import type { Derivation } from './passphrase.ts';

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

interface Held extends KeyVersion {
  /** Null once destroyed. */
  readonly key: Buffer | null;
}

/** What the file and the passphrase give; replaced as a whole, never changed. */
interface Keyring {
  readonly protection: { readonly derivation: Derivation; readonly key: Buffer } | null;
  readonly versions: readonly Held[];
}

/** Opens the keyring, or makes one with a first version where there is no file. Throws `keyring_unusable`. */
export async function openKeyring(options: KeyringOptions): Promise<KeyProvider> {
  let keyring = await loadOrCreate(options);
  let changes: Promise<unknown> = Promise.resolve();
  /** One change after the other, each from what the file says now: no version may ever be lost to another. */
  const change = (next: (before: Keyring) => Keyring): Promise<void> => {
    const done = changes.then(async () => {
      const after = next(await load(options));
      await writeKeyringFile(options.path, toFile(after));
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
  if (file !== null) return fromFile(file, options);
  throw new Failure(
    'keyring_unusable',
    `There is no keyring at ${options.path}, and the data needs it. Restore it from where you keep a copy.`,
  );
}

async function loadOrCreate(options: KeyringOptions): Promise<Keyring> {
  const missing = (await readKeyringFile(options.path)) === null;
  if (missing && options.mayCreate !== false) {
    await writeKeyringFile(options.path, toFile(await first(options)), { fresh: true });
  }
  return load(options);
}

async function first(options: KeyringOptions): Promise<Keyring> {
  const createdAt = options.clock.now();
  const versions: Held[] = [
    { version: 1, state: 'active', createdAt, retiredAt: null, key: randomBytes(32) },
  ];
  if (options.passphrase === undefined) return { protection: null, versions };
  const derivation = newDerivation(options.scryptCost);
  return { protection: { derivation, key: await deriveKey(options.passphrase, derivation) }, versions };
}

function rotated(keyring: Keyring, now: number): Keyring {
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

function without(keyring: Keyring, version: number): Keyring {
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

async function fromFile(file: KeyringFile, options: KeyringOptions): Promise<Keyring> {
  const { path, passphrase } = options;
  if ((file.protection === null) !== (passphrase === undefined)) {
    throw new Failure(
      'keyring_unusable',
      file.protection === null
        ? `The keyring ${path} was made without a passphrase. Leave the passphrase out.`
        : `The keyring ${path} is protected by a passphrase. Give it.`,
    );
  }
  const protection =
    file.protection === null
      ? null
      : { derivation: file.protection, key: await deriveKey(passphrase ?? '', file.protection) };
  const versions = file.keys.map((entry): Held => ({
    version: entry.version,
    state: entry.state,
    createdAt: entry.created_at,
    retiredAt: entry.retired_at,
    key:
      entry.key === null
        ? null
        : revealed(Buffer.from(entry.key, 'base64url'), entry.version, protection?.key, path),
  }));
  const usable = versions.filter((held) => held.state === 'active' && held.key?.length === 32);
  if (usable.length !== 1) {
    throw new Failure('keyring_unusable', `The keyring ${path} is damaged: it must have one active version.`);
  }
  return { protection, versions };
}

function toFile(keyring: Keyring): KeyringFile {
  return {
    format: 'wayside-keyring',
    version: 1,
    protection: keyring.protection?.derivation ?? null,
    keys: keyring.versions.map((held) => ({
      version: held.version,
      state: held.state,
      created_at: held.createdAt,
      retired_at: held.retiredAt,
      key:
        held.key === null
          ? null
          : hidden(held.key, held.version, keyring.protection?.key).toString('base64url'),
    })),
  };
}

/** AES-256-GCM under the passphrase's key, bound to the version: iv, ciphertext, tag. */
function hidden(key: Buffer, version: number, protection: Buffer | undefined): Buffer {
  if (protection === undefined) return key;
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', protection, iv, { authTagLength: 16 });
  cipher.setAAD(Buffer.from(`wayside-keyring ${version}`));
  return Buffer.concat([iv, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

function revealed(bytes: Buffer, version: number, protection: Buffer | undefined, path: string): Buffer {
  if (protection === undefined) return bytes;
  try {
    const decipher = createDecipheriv('aes-256-gcm', protection, bytes.subarray(0, 12), {
      authTagLength: 16,
    });
    decipher.setAAD(Buffer.from(`wayside-keyring ${version}`));
    decipher.setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(12, -16)), decipher.final()]);
  } catch (cause) {
    throw new Failure(
      'keyring_unusable',
      `The passphrase of the keyring ${path} is wrong, or the file is damaged.`,
      {
        cause,
      },
    );
  }
}

type Usable = Held & { readonly key: Buffer };

/** AES key wrap (RFC 3394): made for keys, and without a nonce that could ever repeat. */
const wrapAlgorithm = 'id-aes256-wrap';
const wrapIv = Buffer.from('a6a6a6a6a6a6a6a6', 'hex');

function wrapBy(held: Usable, dataKey: Uint8Array): WrappedKey {
  const cipher = createCipheriv(wrapAlgorithm, held.key, wrapIv);
  return { version: held.version, bytes: Buffer.concat([cipher.update(dataKey), cipher.final()]) };
}

function unwrapBy(held: Usable, bytes: Uint8Array): Uint8Array {
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

function heldOf(keyring: Keyring, version: number): Usable {
  const held = keyring.versions.find((candidate) => candidate.version === version);
  if (isUsable(held)) return held;
  throw new Failure(
    'keyring_unusable',
    `Version ${version} of the keyring is ${held === undefined ? 'not in this keyring' : 'destroyed'}: what it wrapped ` +
      'cannot be opened. Restore the keyring that belongs to this data.',
  );
}

/** fromFile and rotated see to it that there is one. */
function activeOf(keyring: Keyring): Usable {
  const held = keyring.versions.find((candidate) => candidate.state === 'active');
  if (!isUsable(held)) throw new Error('a keyring has one active version');
  return held;
}
