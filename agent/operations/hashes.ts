// Whether the files that an action lists are still the ones that it was written for (rules.md 18): looked at right
// before a start, by the file that is open, not by its name.
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, realpath } from 'node:fs/promises';
import type { FileHash } from '../../hcl/agent-file/definition.ts';
import { Failure } from '../../protocol/failures.ts';
import { hashedFileBytesMax } from '../../protocol/limits.ts';
import { reasonOf } from '../read-text.ts';
import { whenHalted } from './operation.ts';
import type { Halt } from './operation.ts';

const pieceBytes = 256 * 1024;

/**
 * Resolves with null where nothing stands in the way of a start, and at once with the Halt where the run is stopped
 * meanwhile: large files, or a folder of another machine, may take their time. Throws `hash_mismatch` for the first
 * file that is another one, is not there, or cannot be read.
 */
export async function checkHashes(hashes: readonly FileHash[], halt: AbortSignal): Promise<Halt | null> {
  if (hashes.length === 0) return null;
  const { halted, forget } = whenHalted(halt);
  try {
    return await Promise.race([halted, checkEach(hashes, halt).then(() => null)]);
  } finally {
    forget();
  }
}

async function checkEach(hashes: readonly FileHash[], halt: AbortSignal): Promise<void> {
  for (const { path, sha256 } of hashes) {
    const found = await hashOf(path, halt);
    if ('problem' in found) {
      throw new Failure('hash_mismatch', `${path} is listed with a hash, but ${found.problem}.`);
    }
    if (found.sha256 !== sha256) {
      throw new Failure(
        'hash_mismatch',
        `${path} is not the file that the action lists: it has sha256:${found.sha256}. ` +
          'Put the right file back, or list the new hash in the agent file.',
      );
    }
  }
}

/** A link is followed once, and what it leads to is opened as itself, so that no later link comes in between. */
async function hashOf(
  path: string,
  halt: AbortSignal,
): Promise<{ readonly sha256: string } | { readonly problem: string }> {
  try {
    const real = await realpath(path);
    const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const stat = await file.stat();
      if (!stat.isFile()) return { problem: 'it is not a file' };
      if (stat.size > hashedFileBytesMax) return { problem: `it is larger than ${hashedFileBytesMax} bytes` };
      const hash = createHash('sha256');
      const piece = Buffer.allocUnsafe(pieceBytes);
      for (let at = 0; ;) {
        if (halt.aborted) return { problem: 'the run was stopped before it was read' };
        const { bytesRead } = await file.read(piece, 0, piece.length, at);
        if (bytesRead === 0) return { sha256: hash.digest('hex') };
        at += bytesRead;
        if (at > hashedFileBytesMax) return { problem: `it is larger than ${hashedFileBytesMax} bytes` };
        hash.update(piece.subarray(0, bytesRead));
      }
    } finally {
      await file.close();
    }
  } catch (error) {
    return { problem: reasonOf(error) };
  }
}
