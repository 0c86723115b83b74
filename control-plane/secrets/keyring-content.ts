// Between the keyring file and the versions in memory: under a passphrase each key is encrypted for itself.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import type { KeyringFile } from './keyring-file.ts';
import type { Held, Keyring } from './keyring-versions.ts';
import { deriveKey } from './passphrase.ts';

/** Throws `keyring_unusable` where the passphrase is missing, wrong or too much, and where no one version is active. */
export async function keyringOf(
  file: KeyringFile,
  options: { readonly path: string; readonly passphrase?: string },
): Promise<Keyring> {
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

/** What is written. */
export function contentOf(keyring: Keyring): KeyringFile {
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
