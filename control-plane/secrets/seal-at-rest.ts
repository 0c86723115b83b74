// Encrypts a value for one cell of one row: a data key of its own, AES-256-GCM (NIST SP 800-38D), and the identity
// of the row as additional data, so that a value moved elsewhere does not open.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { formatEnvelope, parseEnvelope } from './envelope.ts';
import type { Envelope } from './envelope.ts';
import type { KeyProvider } from './key-provider.ts';

/** Which cell; '' where a table has no such level. Never the key version: rewrapping changes it (rules.md 30). */
export interface SealedCell {
  readonly table: string;
  readonly organization: string;
  readonly project: string;
  readonly row: string;
  readonly column: string;
}

export async function sealAtRest(
  provider: KeyProvider,
  plaintext: Uint8Array | string,
  cell: SealedCell,
): Promise<string> {
  const { plaintext: dataKey, wrapped } = await provider.generateDataKey();
  try {
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', dataKey, iv, { authTagLength: 16 });
    cipher.setAAD(cellBytes(cell));
    const bytes = typeof plaintext === 'string' ? Buffer.from(plaintext, 'utf8') : plaintext;
    const ciphertext = Buffer.concat([cipher.update(bytes), cipher.final()]);
    return formatEnvelope({
      provider: provider.name,
      key: wrapped,
      iv,
      ciphertext,
      tag: cipher.getAuthTag(),
    });
  } finally {
    dataKey.fill(0);
  }
}

/** Throws `envelope_rejected` where it was changed or moved, `keyring_unusable` where its key is not there. */
export async function openAtRest(
  provider: KeyProvider,
  text: string,
  cell: SealedCell,
): Promise<Uint8Array<ArrayBuffer>> {
  const envelope = envelopeFor(provider, text);
  try {
    const dataKey = await provider.unwrap(envelope.key);
    try {
      const decipher = createDecipheriv('aes-256-gcm', dataKey, envelope.iv, { authTagLength: 16 });
      decipher.setAAD(cellBytes(cell));
      decipher.setAuthTag(envelope.tag);
      return Buffer.concat([decipher.update(envelope.ciphertext), decipher.final()]);
    } finally {
      dataKey.fill(0);
    }
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw rejected(
      `It was changed, or it belongs to another place than ${cell.table}.${cell.column}.`,
      cause,
    );
  }
}

/** The same value under the active key version; its plaintext is not touched. */
export async function rewrapAtRest(provider: KeyProvider, text: string): Promise<string> {
  const envelope = envelopeFor(provider, text);
  return formatEnvelope({ ...envelope, key: await provider.rewrap(envelope.key) });
}

function envelopeFor(provider: KeyProvider, text: string): Envelope {
  const envelope = parseEnvelope(text);
  if (envelope === null) throw rejected('It is not in the form of a sealed value.');
  if (envelope.provider !== provider.name) {
    throw new Failure(
      'keyring_unusable',
      `A sealed value needs the key provider ${envelope.provider}, and ${provider.name} is configured.`,
    );
  }
  return envelope;
}

function rejected(why: string, cause?: unknown): Failure {
  return new Failure('envelope_rejected', `A sealed value could not be opened. ${why}`, { cause });
}

function cellBytes(cell: SealedCell): Uint8Array {
  const { table, organization, project, row, column } = cell;
  return Buffer.from(canonicalJson({ table, organization, project, row, column }), 'utf8');
}
