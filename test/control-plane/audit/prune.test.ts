import { sql } from 'kysely';
import { describe, expect, it } from 'vitest';
import { auditHeadsKeptMs } from '../../../protocol/limits.ts';
import { writeSettings } from '../../../control-plane/audit/settings.ts';
import { step } from '../../../control-plane/store/step.ts';
import { entry, insertOrganization, openAuditFixture, organization, rechain } from './open-audit.ts';
import type { Fixture } from './open-audit.ts';

const dayMs = 86_400_000;

async function write({ store, audit }: Fixture, count: number): Promise<void> {
  for (let index = 0; index < count; index += 1) await store.write([audit.step(entry(`event-${index}`))]);
  await audit.settle();
}

async function keepFor({ store }: Fixture, retention_days: number | null): Promise<void> {
  const settings = { retention_days, denials_per_minute: null };
  await store.write([writeSettings(store, { organization, revision: 0, ...settings })]);
}

const tamper = ({ store }: Fixture, text: string) => store.write([step(sql.raw(text).compile(store.db))]);

const positions = async ({ store }: Fixture) =>
  (await store.db.selectFrom('audit_events').select('position').orderBy('position').execute()).map(
    (row) => row.position,
  );

describe('retention', () => {
  it('removes what is too old under a signed checkpoint, and the rest verifies', async () => {
    const fixture = await openAuditFixture();
    await keepFor(fixture, 30);
    await write(fixture, 5);
    fixture.advance(20 * dayMs);
    await write(fixture, 3);
    const kept = await fixture.audit.head(organization);
    fixture.advance(11 * dayMs);
    expect(await fixture.audit.prune()).toMatchObject({ events: 5 });
    expect(await fixture.audit.prune()).toMatchObject({ events: 0 });
    await fixture.audit.settle();
    expect(await positions(fixture)).toEqual([6, 7, 8, 9]);
    const [event] = await fixture.store.db
      .selectFrom('audit_events')
      .select(['operation', 'details'])
      .where('position', '=', 9)
      .execute();
    expect(event?.operation).toBe('audit.prune');
    expect(JSON.parse(event?.details ?? '')).toMatchObject({ removed: 5, through: 5 });
    for (const against of [undefined, kept]) {
      expect(await fixture.audit.verify(organization, against)).toMatchObject({
        ...{ valid: true, events: 4, removed: 5, head: { position: 9 } },
      });
    }
  });

  it('goes on from checkpoint to checkpoint, and keeps the newest event whatever its age', async () => {
    const fixture = await openAuditFixture();
    await keepFor(fixture, 30);
    for (let round = 0; round < 4; round += 1) {
      await write(fixture, 3);
      fixture.advance(31 * dayMs);
      await fixture.audit.prune();
      await fixture.audit.settle();
      expect(await fixture.audit.verify(organization)).toMatchObject({ valid: true, problem: null });
    }
    const left = await positions(fixture);
    expect(left.at(-1)).toBe(12 + 4);
    expect(left).toHaveLength(2);
  });

  it('keeps everything without a setting', async () => {
    const fixture = await openAuditFixture();
    await write(fixture, 3);
    fixture.advance(10_000 * dayMs);
    expect((await fixture.audit.prune()).events).toBe(0);
    expect(await positions(fixture)).toEqual([1, 2, 3]);
  });

  it('removes nothing that does not verify: it is evidence', async () => {
    const fixture = await openAuditFixture();
    await keepFor(fixture, 30);
    await write(fixture, 5);
    fixture.advance(40 * dayMs);
    await tamper(fixture, `update audit_events set operation = 'harmless' where position = 2`);
    await expect(fixture.audit.prune()).rejects.toThrow(/does not verify: event 2 .* was edited/);
    expect(await positions(fixture)).toEqual([1, 2, 3, 4, 5]);
  });

  it('removes nothing of a trail that was made whole again over a removed event', async () => {
    const fixture = await openAuditFixture();
    await keepFor(fixture, 30);
    await write(fixture, 5);
    fixture.advance(40 * dayMs);
    await write(fixture, 3);
    await tamper(fixture, 'delete from audit_events where position = 2');
    await rechain(fixture);
    const { problem } = await fixture.audit.verify(organization);
    expect(problem).toMatch(/written anew|cut off/);
    await expect(fixture.audit.prune()).rejects.toThrow(
      /does not verify: event 5 is not the one that was signed/,
    );
    expect(await positions(fixture)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect((await fixture.audit.verify(organization)).problem).toBe(problem);
  });

  it('excuses no removal but its own', async () => {
    const pruned = async () => {
      const fixture = await openAuditFixture();
      await keepFor(fixture, 30);
      await write(fixture, 5);
      fixture.advance(40 * dayMs);
      await write(fixture, 3);
      await fixture.audit.prune();
      await fixture.audit.settle();
      return fixture;
    };
    const problemAfter = async (...statements: readonly string[]) => {
      const fixture = await pruned();
      for (const statement of statements) await tamper(fixture, statement);
      return (await fixture.audit.verify(organization)).problem;
    };
    expect(await problemAfter()).toBeNull();
    expect(await problemAfter('delete from audit_events where position = 6')).toMatch(/event 6 is missing/);
    expect(
      await problemAfter(
        'delete from audit_events where position <= 7',
        `update audit_checkpoints set position = 7, hash = (select hash from audit_events where position = 8) where organization <> ''`,
      ),
    ).toBe('the checkpoint of what retention removed is not what was signed');
    expect(await problemAfter(`delete from audit_checkpoints where organization <> ''`)).toMatch(
      /event 1 is missing/,
    );
    expect(await problemAfter(`update audit_events set position = 5 where position = 6`)).toMatch(
      /event 5 lies before/,
    );
    expect(await problemAfter(`update audit_events set position = 99 where position = 9`)).toMatch(
      /event 99 lies behind the end/,
    );
  });
});

describe('old heads', () => {
  it('go under a checkpoint of their own, and the newest stays', async () => {
    const fixture = await openAuditFixture();
    for (let round = 0; round < 4; round += 1) await write(fixture, 2);
    const kept = await fixture.audit.head(organization);
    fixture.advance(auditHeadsKeptMs + 1);
    expect(await fixture.audit.prune()).toEqual({ events: 0, heads: 3 });
    expect(await fixture.audit.prune()).toEqual({ events: 0, heads: 0 });
    await write(fixture, 2);
    expect(await fixture.audit.verify(organization, kept)).toMatchObject({ valid: true, events: 10 });
    await tamper(fixture, 'delete from audit_heads where number = 4');
    expect((await fixture.audit.verify(organization)).problem).toBe('head 4 is missing');
  });

  it('stay where they are the newest of an organization', async () => {
    const fixture = await openAuditFixture();
    const quiet = '01900000-0000-7000-8000-000000000002';
    await write(fixture, 1);
    await fixture.store.write([
      insertOrganization(fixture.store, quiet),
      fixture.audit.step(entry('once', { organization: quiet })),
    ]);
    await write(fixture, 1);
    const newest = await fixture.audit.head(quiet);
    for (let round = 0; round < 3; round += 1) await write(fixture, 1);
    fixture.advance(auditHeadsKeptMs + 1);
    await fixture.audit.prune();
    expect(await fixture.audit.head(quiet)).toEqual(newest);
    expect(await fixture.audit.verify(quiet)).toMatchObject({ valid: true, events: 1 });
    expect(await fixture.audit.verify(organization)).toMatchObject({ valid: true, events: 5 });
  });

  it('stay where the chain has another event than one of them names', async () => {
    const fixture = await openAuditFixture();
    for (let round = 0; round < 3; round += 1) await write(fixture, 2);
    await tamper(fixture, 'delete from audit_events where position = 3');
    await rechain(fixture);
    fixture.advance(auditHeadsKeptMs + 1);
    await write(fixture, 3);
    await expect(fixture.audit.prune()).rejects.toThrow(
      /does not verify: event 4 is not the one that was signed/,
    );
    expect(await fixture.audit.verify(organization)).toMatchObject({ valid: false, problem_at: 4 });
  });

  it('are held to by a head that is older than all of them', async () => {
    const fixture = await openAuditFixture();
    await write(fixture, 2);
    const kept = await fixture.audit.head(organization);
    await write(fixture, 2);
    fixture.advance(auditHeadsKeptMs + 1);
    await write(fixture, 2);
    await fixture.audit.prune();
    expect(await fixture.audit.verify(organization, kept)).toMatchObject({ valid: true });
    await keepFor(fixture, 7);
    fixture.advance(8 * dayMs);
    await fixture.audit.prune();
    await expect(fixture.audit.verify(organization, kept)).rejects.toMatchObject({ code: 'conflict' });
  });
});

it('an export after pruning begins behind what was removed, and says so', async () => {
  const fixture = await openAuditFixture();
  await keepFor(fixture, 30);
  await write(fixture, 5);
  fixture.advance(40 * dayMs);
  await write(fixture, 3);
  await fixture.audit.prune();
  await fixture.audit.settle();
  const exported = async (after: number) => {
    let text = '';
    for await (const piece of await fixture.audit.export({ organization, format: 'jsonl', after }))
      text += piece;
    return JSON.parse(text.slice(0, text.indexOf('\n'))) as object;
  };
  expect(await exported(0)).toMatchObject({ after: 5, removed: 5, until: 9 });
  expect(await exported(6)).toMatchObject({ after: 6, removed: 5 });
  await expect(exported(3)).rejects.toMatchObject({ code: 'not_found' });
});
