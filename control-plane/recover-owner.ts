// The way back in for an owner who has lost every token: opens the data folder of a control plane that does not run,
// and issues one.
import { join } from 'node:path';
import { openTrail } from './audit/trail.ts';
import { systemClock } from './channel/clock.ts';
import type { ServerConfig } from './config.ts';
import { recoverOwner } from './organizations/initialize.ts';
import { openKeyring } from './secrets/keyring.ts';
import { openSecrets } from './secrets/secrets.ts';
import { openStore } from './store/open-store.ts';

/** Throws `store_locked` while a control plane uses the folder, and what its parts throw. */
export async function recoverOwnerOf(
  config: Pick<ServerConfig, 'dataFolder' | 'database' | 'keyringPassphrase'>,
): ReturnType<typeof recoverOwner> {
  const { dataFolder, keyringPassphrase } = config;
  const clock = systemClock();
  const store = await openStore({ config, purpose: 'a recovery of the owner' });
  try {
    const provider = await openKeyring({
      path: join(dataFolder, 'keyring.json'),
      clock,
      mayCreate: false,
      ...(keyringPassphrase === null ? {} : { passphrase: keyringPassphrase }),
    });
    const secrets = await openSecrets(store, provider);
    const audit = openTrail({ store, mac: secrets.auditMac, clock });
    return await recoverOwner({ store, audit, clock });
  } finally {
    await store.close();
  }
}
