import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { engine } from '../../support/engine.ts';
import { runProcess } from '../store/run-process.ts';
import { temporaryFolder, temporaryStore } from '../store/temporary.ts';
import { insertOrganization, organization } from './open-audit.ts';

const trials = process.env['WAYSIDE_LONG'] === undefined ? 6 : 40;

it.runIf(engine === 'sqlite')(
  `has a change with its event or neither, and a chain that verifies, after each of ${trials} kills`,
  { timeout: 120_000 },
  async () => {
    const dataFolder = temporaryFolder();
    const first = await temporaryStore({ dataFolder });
    await first.write([insertOrganization(first, organization)]);
    await first.close();
    const program = '../../audit/processes/change-forever.ts';
    let acknowledged = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const running = runProcess(program, [dataFolder, organization, String(trial * 1_000_000)]);
      await running.line((line) => line === 'open');
      await new Promise((resolve) => setTimeout(resolve, 30 + Math.random() * 300));
      running.child.kill('SIGKILL');
      expect((await running.ended).signal).toBe('SIGKILL');
      acknowledged += running.lines.filter((line) => line !== 'open').length;

      const store = await temporaryStore({ dataFolder });
      const clock = { now: () => Date.now(), after: () => () => undefined };
      const provider = await openKeyring({ path: join(dataFolder, 'keyring.json'), clock });
      const secrets = await openSecrets(store, provider);
      const audit = openAudit({ store, secrets, clock, report: () => undefined });
      const changes = await store.db.selectFrom('decisions').select('trace').execute();
      const events = await store.db.selectFrom('audit_events').select('resource').execute();
      expect(events.map((row) => row.resource.replace('things/', '')).sort()).toEqual(
        changes.map((row) => row.trace).sort(),
      );
      expect(changes.length).toBeGreaterThanOrEqual(acknowledged);
      await audit.settle();
      expect(await audit.verify(organization)).toMatchObject({ valid: true, events: events.length });
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(trials);
  },
);
