// What `env`, `file` and `secret` may read: only what the agent's own settings name (rules.md 24). Every text that is
// read is told to the masks of the run before an expression sees it.
import { realpath } from 'node:fs/promises';
import type { AgentSettings } from '../hcl/agent-file/definition.ts';
import { admits } from '../hcl/agent-file/check-settings-use.ts';
import { lookupFileBytesMax } from '../protocol/limits.ts';
import type { Found, Lookup, ReadLookup } from './functions.ts';
import { readText, reasonOf } from './read-text.ts';
import type { SecretReader } from './secrets/store.ts';

export interface LookupOptions {
  readonly settings: AgentSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly secrets: SecretReader;
  /** Called with everything that was read. */
  readonly onRead: (text: string) => void;
}

/** Reads by the policy of the settings; what is wrong is a clause in the answer, never with a content in it. */
export function createLookups({ settings, environment, secrets, onRead }: LookupOptions): ReadLookup {
  async function read({ kind, name }: Lookup): Promise<Found> {
    switch (kind) {
      case 'env':
        return readEnvironment(name, { settings, environment });
      case 'file':
        return readAllowedFile(name, settings.filesAllow);
      case 'secret':
        return secrets.read(name);
    }
  }

  return async (lookup) => {
    const found = await read(lookup);
    if ('text' in found) onRead(found.text);
    return found;
  };
}

function readEnvironment(
  name: string,
  { settings, environment }: Pick<LookupOptions, 'settings' | 'environment'>,
): Found {
  if (!settings.envAllow.includes(name)) {
    return { problem: `env_allow of the agent's settings does not name ${JSON.stringify(name)}` };
  }
  const value = environment[name];
  return value === undefined ? { problem: `the agent's environment has no ${name}` } : { text: value };
}

/** The pattern must admit the real path, so no link leads out of what was allowed. */
async function readAllowedFile(path: string, patterns: readonly string[]): Promise<Found> {
  const shown = JSON.stringify(path);
  if (!path.startsWith('/')) return { problem: `${shown} is not an absolute path` };
  // Before the disk is asked, so that a run cannot find out what exists outside of the patterns.
  if (!patterns.some((pattern) => admits(pattern, path))) return { problem: notAdmitted(shown) };
  try {
    const real = await realpath(path);
    if (!patterns.some((pattern) => admits(pattern, real))) return { problem: notAdmitted(shown) };
    return { text: await readText(real, lookupFileBytesMax) };
  } catch (error) {
    return { problem: `${shown} cannot be read: ${reasonOf(error)}` };
  }
}

function notAdmitted(shown: string): string {
  return `files_allow of the agent's settings does not admit ${shown}, or what it leads to`;
}
