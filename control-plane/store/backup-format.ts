// The file of a backup: one line of JSON that says how it is protected, then AES-256-GCM in chunks. Each chunk's
// nonce is its number and whether it is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and
// Vizar, 2015), so that none can be left out, moved or cut off, and none is believed before its tag was checked.
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { backupChunkBytes, backupHeaderBytesMax } from '../../protocol/limits.ts';
import { deriveKey, derivationSchema, newDerivation } from '../secrets/passphrase.ts';

/** What a backup is encrypted to: its own passphrase or key, never the keyring (rules.md 31). */
export type BackupSecret =
  | { readonly kind: 'passphrase'; readonly passphrase: string; readonly scryptCost?: number }
  | { readonly kind: 'key'; readonly key: Uint8Array };

const tagBytes = 16;
const keyPrefix = 'wayside-backup-key-1:';

const headerSchema = z.strictObject({
  format: z.literal('wayside-backup'),
  version: z.literal(1),
  /** Epoch ms. */
  created_at: z.int(),
  /** Which store it is of. */
  incarnation: z.string().max(64),
  /** 32 bytes in base64url: makes the key of this file unlike that of any other. */
  salt: z.base64url().length(43),
  protection: z.discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('passphrase'), derivation: derivationSchema }),
    z.strictObject({ kind: z.literal('key'), id: z.string().regex(/^[0-9a-f]{16}$/) }),
  ]),
});
export type BackupHeader = z.infer<typeof headerSchema>;

/** A fresh key as the text of a key file. */
export function newBackupKey(): string {
  return `${keyPrefix}${randomBytes(32).toString('base64url')}\n`;
}

/** Throws `invalid_configuration` for a text that is not the whole of a key file. */
export function parseBackupKey(text: string): BackupSecret {
  const encoded = text.trim().slice(keyPrefix.length);
  const key = Buffer.from(encoded, 'base64url');
  if (!text.startsWith(keyPrefix) || key.length !== 32 || key.toString('base64url') !== encoded) {
    throw new Failure(
      'invalid_configuration',
      'This is not a backup key: it must be one line, as --new-key writes it.',
    );
  }
  return { kind: 'key', key };
}

/** Encrypts what `source` gives. The first piece is the header. */
export async function* encryptBackup(
  source: AsyncIterable<Uint8Array>,
  options: {
    readonly secret: BackupSecret;
    readonly createdAt: number;
    readonly incarnation: string;
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { secret } = options;
  const header: BackupHeader = {
    format: 'wayside-backup',
    version: 1,
    created_at: options.createdAt,
    incarnation: options.incarnation,
    salt: randomBytes(32).toString('base64url'),
    protection:
      secret.kind === 'key'
        ? { kind: 'key', id: keyId(secret.key) }
        : { kind: 'passphrase', derivation: newDerivation(secret.scryptCost) },
  };
  const line = Buffer.from(`${JSON.stringify(header)}\n`, 'utf8');
  const key = await fileKey(header, line, secret);
  yield line;
  for await (const { bytes, number, last } of inChunks(source, backupChunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce(number, last), { authTagLength: tagBytes });
    yield Buffer.concat([cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
  }
}

/** Throws `invalid_backup` for a wrong secret and for anything that was changed, left out, moved or cut off. */
export async function decryptBackup(
  source: AsyncIterable<Uint8Array>,
  secret: BackupSecret,
): Promise<{ readonly header: BackupHeader; readonly content: AsyncGenerator<Uint8Array, void, undefined> }> {
  const { line, rest } = await splitHeader(source);
  const header = parseHeader(line);
  const key = await fileKey(header, line, secret);
  return { header, content: decryptChunks(rest, key) };
}

async function* decryptChunks(
  source: AsyncIterable<Uint8Array>,
  key: Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { bytes, number, last } of inChunks(source, backupChunkBytes + tagBytes)) {
    try {
      const decipher = createDecipheriv('aes-256-gcm', key, nonce(number, last), { authTagLength: tagBytes });
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      yield Buffer.concat([decipher.update(bytes.subarray(0, -tagBytes)), decipher.final()]);
    } catch (cause) {
      throw invalid(
        number === 0
          ? 'The passphrase or key is wrong, or the file was changed.'
          : `It was changed or cut off in its chunk ${number}.`,
        cause,
      );
    }
  }
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly number: number;
  readonly last: boolean;
}

/** Pieces of exactly `size` bytes; only the last one, which is known as such, may be shorter or empty. */
async function* inChunks(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Chunk, void, undefined> {
  let held: Uint8Array[] = [];
  let length = 0;
  let number = 0;
  for await (const piece of source) {
    held.push(piece);
    length += piece.length;
    if (length <= size) continue;
    const all = Buffer.concat(held, length);
    let at = 0;
    for (; length - at > size; at += size) {
      yield { bytes: all.subarray(at, at + size), number, last: false };
      number += 1;
    }
    held = [all.subarray(at)];
    length -= at;
  }
  yield { bytes: Buffer.concat(held, length), number, last: true };
}

function nonce(number: number, last: boolean): Uint8Array {
  const bytes = Buffer.alloc(12);
  bytes.writeUIntBE(number, 5, 6);
  bytes[11] = last ? 1 : 0;
  return bytes;
}

/** The header is bound in: a changed one gives another key, and no chunk opens. */
async function fileKey(header: BackupHeader, line: Uint8Array, secret: BackupSecret): Promise<Uint8Array> {
  const main = await mainKey(header, secret);
  const info = `wayside-backup ${createHash('sha256').update(line).digest('hex')}`;
  return new Uint8Array(hkdfSync('sha256', main, Buffer.from(header.salt, 'base64url'), info, 32));
}

async function mainKey({ protection }: BackupHeader, secret: BackupSecret): Promise<Uint8Array> {
  if (protection.kind === 'passphrase') {
    if (secret.kind !== 'passphrase') throw invalid('It is protected by a passphrase, and a key was given.');
    return deriveKey(secret.passphrase, protection.derivation);
  }
  if (secret.kind !== 'key') throw invalid('It is protected by a key, and a passphrase was given.');
  if (keyId(secret.key) !== protection.id)
    throw invalid(`It needs the key ${protection.id}, not ${keyId(secret.key)}.`);
  return secret.key;
}

/** Names a key without giving anything of it away that could be searched for: it has 256 random bits. */
function keyId(key: Uint8Array): string {
  return createHash('sha256').update('wayside-backup-key-id').update(key).digest('hex').slice(0, 16);
}

async function splitHeader(
  source: AsyncIterable<Uint8Array>,
): Promise<{ readonly line: Uint8Array; readonly rest: AsyncIterable<Uint8Array> }> {
  const pieces = source[Symbol.asyncIterator]();
  let start = Buffer.alloc(0);
  for (;;) {
    const end = start.indexOf('\n');
    if (end >= 0) {
      const first = start.subarray(end + 1);
      return { line: start.subarray(0, end + 1), rest: continued(first, pieces) };
    }
    const next = start.length > backupHeaderBytesMax ? null : await pieces.next();
    if (next === null || next.done === true) throw invalid('It is not a backup of Wayside.');
    start = Buffer.concat([start, next.value]);
  }
}

async function* continued(
  first: Uint8Array,
  pieces: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first;
  for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value;
}

function parseHeader(line: Uint8Array): BackupHeader {
  try {
    return headerSchema.parse(JSON.parse(new TextDecoder().decode(line)));
  } catch (cause) {
    throw invalid('It is not a backup of Wayside, or of a newer one than this.', cause);
  }
}

function invalid(why: string, cause?: unknown): Failure {
  return new Failure('invalid_backup', `The backup cannot be used. ${why}`, { cause });
}
