// Secrets as files of one folder, as orchestrators mount them: the file's text without one final line end.
import { realpath } from 'node:fs/promises';
import { join, sep } from 'node:path';
import type { FileSecrets } from '../../hcl/agent-file/definition.ts';
import { secretFileBytesMax } from '../../protocol/limits.ts';
import { readText, reasonOf } from '../read-text.ts';
import type { SecretStore } from './store.ts';

/** A name may have folders. Links are followed as long as they stay in the folder, where some mounts keep them. */
export function createFileSecrets({ dir }: FileSecrets): SecretStore {
  return {
    title: `the folder ${dir}`,
    read: async (name) => {
      const parts = name.split('/');
      if (parts.some((part) => part === '' || part === '.' || part === '..') || name.includes('\0'))
        return null;
      const paths = await realPaths(dir, name);
      if (paths === null) return null;
      if (!paths.file.startsWith(paths.folder + sep)) throw new Error('it leads out of the folder');
      try {
        const text = await readText(paths.file, secretFileBytesMax);
        return text.replace(/\r?\n$/, '');
      } catch (error) {
        throw new Error(reasonOf(error), { cause: error });
      }
    },
  };
}

async function realPaths(
  dir: string,
  name: string,
): Promise<{ readonly folder: string; readonly file: string } | null> {
  try {
    return { folder: await realpath(dir), file: await realpath(join(dir, name)) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw new Error(reasonOf(error), { cause: error });
  }
}
