import { join } from 'node:path';
import process from 'node:process';
import { expect, it } from 'vitest';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import { engineEnvironment } from '../../support/engine.ts';
import { runProcess } from '../store/run-process.ts';
import { temporaryFolder, temporaryStore } from '../store/temporary.ts';
import { insertOrganization, organization } from './open-audit.ts';

const trials = process.env['WAYSIDE_LONG'] === undefined ? 6 : 40;

it(
  `has a change with its event or neither, and a chain that verifies, after each of ${trials} kills`,
  { timeout: 120_000 },
  async () => {
    const dataFolder = temporaryFolder();
    const first = await temporaryStore({ dataFolder });
    await first.write([insertOrganization(first, organization)]);
    await first.close();
    const program = '../../audit/processes/change-forever.ts';
    const environment = { ...process.env, ...(await engineEnvironment(dataFolder)) };
    let acknowledged = 0;
    for (let trial = 0; trial < trials; trial += 1) {
      const running = runProcess(program, [dataFolder, organization, String(trial * 1_000_000)], {
        env: environment,
      });
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
      // From one snapshot: what the dead process has sent to PostgreSQL may be committed a moment later.
      const [changes = [], events = []] = await store.snapshot([
        store.db.selectFrom('decisions').select('trace').compile(),
        store.db.selectFrom('audit_events').select('resource').compile(),
      ]);
      const told = events.map((row) => String(row['resource']).replace('things/', ''));
      expect(told.sort()).toEqual(changes.map((row) => String(row['trace'])).sort());
      expect(changes.length).toBeGreaterThanOrEqual(acknowledged);
      await audit.settle();
      const verdict = await audit.verify(organization);
      expect([verdict.valid, verdict.events >= told.length]).toEqual([true, true]);
      await store.close();
    }
    expect(acknowledged).toBeGreaterThan(trials);
  },
);
