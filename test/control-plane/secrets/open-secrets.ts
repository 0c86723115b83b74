// Secrets over a store and a keyring in a folder of their own.
import { join } from 'node:path';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import type { KeyProvider } from '../../../control-plane/secrets/key-provider.ts';
import type { SealedCell } from '../../../control-plane/secrets/seal-at-rest.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../../control-plane/secrets/secrets.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { temporaryFolder, temporaryStore } from '../store/temporary.ts';

/** scrypt at its cheapest, where its cost is not what is tested. */
export const scryptCost = 1024;
export const clock = { now: () => Date.now() };

export const cell: SealedCell = {
  table: 'variables',
  organization: 'org',
  project: 'proj',
  row: 'row',
  column: 'envelope',
};

export function temporaryKeyring(): Promise<KeyProvider> {
  return openKeyring({ path: join(temporaryFolder(), 'keyring.json'), clock });
}

export async function secretsFixture(): Promise<{
  readonly store: Store & { readonly dataFolder: string };
  readonly provider: KeyProvider;
  readonly secrets: Secrets;
}> {
  const store = await temporaryStore();
  const provider = await temporaryKeyring();
  return { store, provider, secrets: await openSecrets(store, provider) };
}

/** An organization `org`, a project `proj` and a sensitive variable in it. */
export async function insertVariable(store: Store, id: string, envelope: string): Promise<void> {
  const organization = {
    id: 'org',
    name: 'org',
    created_at: 1,
    policy_revision: 1,
  };
  const project = { id: 'proj', organization: 'org', name: 'p', description: '', created_at: 1, revision: 1 };
  await store.write([
    step(
      store.db
        .insertInto('organizations')
        .values(organization)
        .onConflict((conflict) => conflict.doNothing()),
    ),
    step(
      store.db
        .insertInto('projects')
        .values(project)
        .onConflict((conflict) => conflict.doNothing()),
    ),
    step(
      store.db.insertInto('variables').values({
        id,
        project: 'proj',
        action: '',
        name: id,
        description: '',
        sensitive: 1,
        value: null,
        envelope,
        updated_at: 1,
        revision: 1,
      }),
    ),
  ]);
}
