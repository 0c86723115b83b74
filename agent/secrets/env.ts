// Secrets from the agent's own environment: only the names that the settings list.
import type { EnvSecrets } from '../../hcl/agent-file/definition.ts';
import type { SecretStore, SecretSurroundings } from './store.ts';

export function createEnvSecrets(
  { allow }: EnvSecrets,
  { environment }: Pick<SecretSurroundings, 'environment'>,
): SecretStore {
  return {
    title: 'the environment',
    read: (name) => Promise.resolve(allow.includes(name) ? (environment[name] ?? null) : null),
  };
}
