import { expect, it } from 'vitest';
import { openTrail } from '../../../control-plane/audit/trail.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import { initialize } from '../../../control-plane/organizations/initialize.ts';
import { openPki } from '../../../control-plane/pki/open-pki.ts';
import { entryOfRotation } from '../../../control-plane/pki/record-rotation.ts';
import type { AutomaticRotation } from '../../../control-plane/pki/record-rotation.ts';
import { parseJson } from '../../../protocol/json.ts';
import { dataPlaneCertificateMs } from '../../../protocol/limits.ts';
import { openInstallation } from './installation.ts';

it('a rotation that nobody asked for is in the audit and told once, whichever process was the faster one', async () => {
  await using installation = await openInstallation();
  const { store, secrets } = installation;
  let skew = 0;
  const clock = { ...systemClock(), now: () => Date.now() + skew };
  const trail = openTrail({ store, mac: secrets.auditMac, clock });
  await initialize({ store, audit: trail });
  const { organization } = (await openAuthority(store, clock)).policy();
  const told: AutomaticRotation[] = [];
  const rotations = {
    record: (rotation: AutomaticRotation) => [trail.step(entryOfRotation(organization.id, rotation))],
    done: (rotation: AutomaticRotation) => told.push(rotation),
  };
  const open = () => openPki({ store, keys: secrets.signingKeys, clock, rotations });
  const processes = [await open(), await open()];
  expect(told).toEqual([]);

  skew = (dataPlaneCertificateMs / 3) * 2 + 86_400_000;
  await Promise.all(processes.map((pki) => pki.refresh()));
  for (const pki of processes) expect(pki.authorities().dataPlane.name).toBe('data-plane-2');
  const rotation = { level: 'data_plane', activated: ['data-plane-2'], former: ['data-plane-1'] };
  expect(told).toEqual([rotation]);
  const events = await store.read(
    store.db
      .selectFrom('audit_events')
      .select(['organization', 'principal', 'result', 'details'])
      .where('operation', '=', 'pki.authority.rotate')
      .compile(),
  );
  expect(events.map((event) => ({ ...event, details: parseJson(event.details) }))).toEqual([
    {
      organization: organization.id,
      principal: null,
      result: 'allowed',
      details: { ...rotation, renew_agents: true, reason: 'authority_ends' },
    },
  ]);
});
