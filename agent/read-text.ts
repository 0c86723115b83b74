// Reads files whose path or content others may have chosen: bounded, no links, no devices, UTF-8 only.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * The text of a regular file that is not itself a link. Throws for anything else, for more than `bytesMax` bytes and
 * for bytes that are not UTF-8.
 */
export async function readText(path: string, bytesMax: number): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw new Error('it is not a file');
    const bytes = Buffer.alloc(bytesMax + 1);
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length > bytesMax) break;
    }
    if (length > bytesMax) throw new Error(`it is larger than ${bytesMax} bytes`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, length));
  } finally {
    await file.close();
  }
}

/** A clause for people. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return 'it does not exist';
    case 'EACCES':
    case 'EPERM':
      return 'the agent has no permission';
    case 'ELOOP':
      return 'it is a link';
    case 'ERR_ENCODING_INVALID_ENCODED_DATA':
      return 'it is not UTF-8 text';
    default:
      return code ?? message;
  }
}
