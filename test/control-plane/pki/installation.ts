// A fresh installation for tests: store, keyring and authorities in a temporary folder that goes away with it.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureAuthorities } from '../../../control-plane/pki/ensure-authorities.ts';
import type { Authorities } from '../../../control-plane/pki/authorities.ts';
import type { RotationWitness } from '../../../control-plane/pki/record-rotation.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../../control-plane/secrets/secrets.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';

/** For what is not about who is told of rotations. */
export const untold: RotationWitness = { record: () => [], done: () => undefined };

export interface Installation extends AsyncDisposable {
  readonly folder: string;
  readonly store: Store;
  readonly secrets: Secrets;
  readonly authorities: Authorities;
}

export async function openInstallation(
  options: { readonly trustDomain?: string; readonly clock?: () => number } = {},
): Promise<Installation> {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-installation-'));
  const now = options.clock ?? (() => Date.now());
  const store = await openTestStore({
    dataFolder: join(folder, 'data'),
    trustDomain: options.trustDomain ?? 'test.wayside',
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const provider = await openKeyring({ path: join(folder, 'keyring.json'), clock: { now } });
  const secrets = await openSecrets(store, provider);
  const authorities = await ensureAuthorities({
    store,
    keys: secrets.signingKeys,
    now: now(),
    rotations: untold,
  });
  return {
    folder,
    store,
    secrets,
    authorities,
    async [Symbol.asyncDispose]() {
      await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
