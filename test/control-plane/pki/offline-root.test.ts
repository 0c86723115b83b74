// The key of a root goes and comes back under other processes that retire the root meanwhile.
import { describe, expect, it } from 'vitest';
import { openAuthorities, withKey } from '../../../control-plane/pki/authorities.ts';
import type { Authorities } from '../../../control-plane/pki/authorities.ts';
import { findAuthority } from '../../../control-plane/pki/find-authority.ts';
import {
  exportRoot,
  openExportedRoot,
  planOffline,
  planReturn,
  proveExport,
} from '../../../control-plane/pki/offline-root.ts';
import { planRotation } from '../../../control-plane/pki/plan-rotation.ts';
import { planRetirement } from '../../../control-plane/pki/retire-authority.ts';
import { openInstallation } from './installation.ts';
import type { Installation } from './installation.ts';

const passphrase = 'a long passphrase for tests';

async function open({ store, secrets }: Installation): Promise<Authorities> {
  const opened = await openAuthorities({ store, keys: secrets.signingKeys, now: Date.now() });
  if (opened === null) throw new Error('the authorities are gone');
  return opened;
}

/** A root that is former, its exported key, and the proof that it opens. */
async function formerRoot(installation: Installation) {
  const { store, secrets, authorities } = installation;
  const deps = { store, keys: secrets.signingKeys, now: Date.now() };
  await store.write((await planRotation(deps, authorities, 'root')).steps);
  const { all } = await open(installation);
  const former = all.find(({ id }) => id === authorities.root.id);
  if (former === undefined) throw new Error('the former root is gone');
  const root = withKey(former);
  const exported = await exportRoot(root, { passphrase, trustDomain: store.trustDomain });
  const proof = await proveExport(await openExportedRoot(exported, passphrase), root.id);
  return { root, exported, proof };
}

async function retirement(installation: Installation, name: string) {
  const { store, secrets } = installation;
  const authorities = await open(installation);
  const { steps } = await planRetirement(
    { store, keys: secrets.signingKeys, authorities, now: Date.now(), openTokens: async () => 0 },
    { authority: await findAuthority(store, name), force: true },
  );
  return steps;
}

describe('a root that is retired meanwhile', () => {
  it('keeps its last list and gets its key back by nobody', async () => {
    await using installation = await openInstallation();
    const { store, secrets } = installation;
    const { root, exported, proof } = await formerRoot(installation);
    const deps = { store, keys: secrets.signingKeys, authorities: await open(installation), now: Date.now() };
    const away = await planOffline(deps, { root, proof });
    await store.write(away);
    const offline = (await open(installation)).all.find(({ id }) => id === root.id);
    if (offline === undefined) throw new Error('the former root is gone');
    const back = await planReturn(deps, { root: offline, exported, passphrase });
    await store.write(await retirement(installation, root.name));
    const list = (await findAuthority(store, root.name)).crl;
    expect(list).not.toBeNull();

    await expect(store.write(back)).rejects.toMatchObject({ guard: 'authority_state' });
    expect(await secrets.signingKeys.open(root.kid)).toBeNull();
    await expect(store.write(away)).rejects.toMatchObject({ guard: 'authority_state' });
    expect((await findAuthority(store, root.name)).crl).toBe(list);
  });
});
