// `secret("name")` asks the agent's sources in the order of its file, until one knows the name. A source that cannot
// answer ends the search: a later one could hold another secret of that name.
import type { SecretSource } from '../../hcl/agent-file/definition.ts';
import { createEnvSecrets } from './env.ts';
import { createFileSecrets } from './file.ts';
import type { SecretReader, SecretStore, SecretSurroundings } from './store.ts';
import { createVaultSecrets } from './vault.ts';

/** Opens the sources. Nothing is read, and nobody is connected to, before the first secret is asked for. */
export function createSecretReader(
  sources: readonly SecretSource[],
  surroundings: SecretSurroundings,
): SecretReader {
  const stores = sources.map((source) => openSource(source, surroundings));
  return {
    read: async (name) => {
      const shown = JSON.stringify(name);
      if (stores.length === 0) return { problem: "the agent's settings have no secrets source" };
      for (const store of stores) {
        try {
          const text = await store.read(name);
          if (text !== null) return { text };
        } catch (error) {
          return { problem: `${store.title} could not give ${shown}: ${(error as Error).message}` };
        }
      }
      return { problem: `no secrets source of the agent knows ${shown}` };
    },
  };
}

function openSource(source: SecretSource, surroundings: SecretSurroundings): SecretStore {
  switch (source.kind) {
    case 'file':
      return createFileSecrets(source);
    case 'env':
      return createEnvSecrets(source, surroundings);
    case 'vault':
      return createVaultSecrets(source, surroundings);
  }
}
