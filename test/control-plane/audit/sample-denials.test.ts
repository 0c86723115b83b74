import { expect, it } from 'vitest';
import { auditSampleMs } from '../../../protocol/limits.ts';
import type { AuditEntry } from '../../../control-plane/audit/event.ts';
import { openDenialSampler } from '../../../control-plane/audit/sample-denials.ts';
import { writeSettings } from '../../../control-plane/audit/settings.ts';
import { entry, openAuditFixture, organization } from './open-audit.ts';
import type { Fixture } from './open-audit.ts';

const ada = { id: '01900000-0000-7000-8000-0000000000aa', name: 'ada', kind: 'user' };
const bot = { id: '01900000-0000-7000-8000-0000000000bb', name: 'bot', kind: 'service' };

async function limitDenials({ store, audit }: Fixture, denials_per_minute: number | null, revision = 0) {
  const settings = { retention_days: null, denials_per_minute };
  await store.write([writeSettings(store, { organization, revision, ...settings })]);
  await audit.reloadSettings();
}

const told = async ({ store }: Fixture) =>
  (await store.db.selectFrom('audit_events').selectAll().orderBy('id').execute()).map((row) => ({
    operation: row.operation,
    who: (JSON.parse(row.principal ?? '{}') as { name?: string }).name,
    details: JSON.parse(row.details) as Record<string, unknown>,
  }));

it('writes every denial, unless the settings say how many', async () => {
  const fixture = await openAuditFixture();
  for (let index = 0; index < 20; index += 1) await fixture.audit.recordDenial(entry('access'));
  expect(await told(fixture)).toHaveLength(20);
});

it('counts the denials beyond the limit, for each principal, and tells them when the minute is over', async () => {
  const fixture = await openAuditFixture();
  await limitDenials(fixture, 3);
  for (let index = 0; index < 10; index += 1) {
    await fixture.audit.recordDenial(entry('access', { principal: bot }));
  }
  await fixture.audit.recordDenial(entry('access', { principal: ada }));
  await fixture.audit.settle();
  expect(await told(fixture)).toHaveLength(4);
  fixture.advance(auditSampleMs);
  await fixture.audit.settle();
  const events = await told(fixture);
  expect(events).toHaveLength(5);
  expect(events.at(-1)).toMatchObject({ operation: 'access.omitted', who: 'bot', details: { omitted: 7 } });
  await fixture.audit.recordDenial(entry('access', { principal: bot }));
  expect(await told(fixture)).toHaveLength(6);
  await fixture.audit.settle();
  expect(await fixture.audit.verify(organization)).toMatchObject({ valid: true, events: 6 });
});

it('tells what it has counted when the process ends, and writes all again when the limit is taken away', async () => {
  const fixture = await openAuditFixture();
  await limitDenials(fixture, 0);
  await fixture.audit.recordDenial(entry('access', { principal: bot }));
  await limitDenials(fixture, null, 1);
  await fixture.audit.recordDenial(entry('access', { principal: ada }));
  await fixture.audit.close();
  expect((await told(fixture)).map(({ operation, who }) => `${operation} ${who ?? ''}`)).toEqual([
    'access ada',
    'access.omitted bot',
  ]);
});

it('forgets nothing of what could not be written', async () => {
  const { clock } = await openAuditFixture();
  const sampler = openDenialSampler(clock);
  sampler.setLimit(organization, 1);
  for (let index = 0; index < 4; index += 1) sampler.takes(entry('access', { principal: bot }));
  await expect(
    sampler.tell(() => Promise.reject(new Error('the disk is full')), { all: true }),
  ).rejects.toThrow('the disk is full');
  const written: AuditEntry[] = [];
  for (let time = 0; time < 2; time += 1) {
    await sampler.tell((events) => Promise.resolve(written.push(...events)));
  }
  expect(written).toMatchObject([{ operation: 'access.omitted', principal: bot, details: { omitted: 3 } }]);
});
