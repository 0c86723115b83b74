import fc from 'fast-check';
import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';
import { describe, expect, it } from 'vitest';
import { verifyAudit } from '../../../control-plane/audit/verify.ts';
import type { AuditEventsTable } from '../../../control-plane/store/schema.ts';
import { step } from '../../../control-plane/store/step.ts';
import { entry, insertOrganization, openAuditFixture, organization, rechain } from './open-audit.ts';
import type { Fixture } from './open-audit.ts';

/** Whoever has the database and not the keyring. */
function intruder({ store }: Fixture) {
  return {
    exec: async (...statements: readonly string[]) => {
      await store.write(statements.map((text) => step(sql.raw(text).compile(store.db))));
    },
    run: async (statement: RawBuilder<unknown>) => {
      await store.write([step(statement.compile(store.db))]);
    },
  };
}

async function withEvents(count: number): Promise<Fixture> {
  const fixture = await openAuditFixture();
  for (let index = 0; index < count; index += 1) {
    await fixture.store.write([fixture.audit.step(entry(`thing.change-${index}`))]);
  }
  await fixture.audit.settle();
  return fixture;
}

describe('an untouched trail', () => {
  it('is valid: chained, unchained, sealed, and against every head that was kept', async () => {
    const fixture = await openAuditFixture();
    const { audit, store } = fixture;
    expect(await audit.verify(organization)).toMatchObject({ valid: true, events: 0 });
    const kept = [];
    for (let round = 1; round <= 3; round += 1) {
      await Promise.all(
        Array.from({ length: 250 }, (_, index) =>
          store.write([audit.step(entry(`round-${round}.event-${index}`))]),
        ),
      );
      await audit.settle();
      kept.push(await audit.head(organization));
    }
    await store.write([audit.step(entry('not.chained.yet'))]);
    for (const head of kept) {
      expect(await audit.verify(organization, head)).toMatchObject({
        valid: true,
        events: 751,
        head: { position: 750 },
        problem: null,
      });
    }
  });

  it('gives positions in the order in which the units were committed', async () => {
    const { store, audit } = await openAuditFixture();
    for (let index = 0; index < 100; index += 1) await store.write([audit.step(entry(`event-${index}`))]);
    await audit.settle();
    const rows = await store.db.selectFrom('audit_events').select('operation').orderBy('position').execute();
    expect(rows.map((row) => row.operation)).toEqual(rows.map((_, index) => `event-${index}`));
  });

  it('is one chain per organization, and heads are linked over all of them', async () => {
    const fixture = await withEvents(3);
    const { store, audit } = fixture;
    const other = '01900000-0000-7000-8000-000000000002';
    await store.write([
      insertOrganization(store, other),
      audit.step(entry('other.event', { organization: other })),
    ]);
    await audit.settle();
    expect(await audit.verify(organization)).toMatchObject({ valid: true, events: 3 });
    expect(await audit.verify(other)).toMatchObject({ valid: true, events: 1 });
    await intruder(fixture).exec(`delete from audit_heads where organization = '${organization}'`);
    expect(await audit.verify(other)).toMatchObject({ valid: false, problem: 'head 1 is missing' });
  });
});

describe('tampering is found', () => {
  const columns: readonly (keyof AuditEventsTable)[] = [
    'actors',
    'at',
    'principal',
    'operation',
    'permission',
    'resource',
    'result',
    'decision',
    'details',
    'request',
    'mac',
    'previous_hash',
    'hash',
  ];

  it.each(columns)('when %s of an event is edited', async (column) => {
    const fixture = await withEvents(5);
    const value = column === 'at' ? 1 : 'edited';
    await intruder(fixture).run(
      sql`update audit_events set ${sql.ref(column)} = ${value} where position = 3`,
    );
    const result = await fixture.audit.verify(organization);
    expect(result.valid).toBe(false);
    expect(result.problem).toMatch(/^event 3 /);
  });

  it('when an event is edited and the whole chain is computed anew', async () => {
    const fixture = await withEvents(5);
    const database = intruder(fixture);
    await database.exec(`update audit_events set operation = 'harmless' where position = 3`);
    await rechain(fixture);
    expect((await fixture.audit.verify(organization)).problem).toMatch(/^event 3 .* was edited or inserted/);
  });

  it('when an event is edited before it has its position', async () => {
    const fixture = await withEvents(2);
    await fixture.store.write([fixture.audit.step(entry('thing.change-2'))]);
    await intruder(fixture).exec(`update audit_events set operation = 'harmless' where position is null`);
    expect((await fixture.audit.verify(organization)).problem).toMatch(/not yet chained, was edited/);
    await fixture.audit.settle();
    expect((await fixture.audit.verify(organization)).problem).toMatch(/^event 3 .* was edited/);
  });

  it('when an event is removed, with and without making the chain whole', async () => {
    for (const whole of [false, true]) {
      const fixture = await withEvents(5);
      const database = intruder(fixture);
      await database.exec('delete from audit_events where position = 3');
      if (whole) await rechain(fixture);
      const { valid, problem } = await fixture.audit.verify(organization);
      expect(valid).toBe(false);
      expect(problem).toMatch(whole ? /cut off|not the one that was signed/ : /^event 3 is missing/);
    }
  });

  it('when two events are exchanged and the chain is made whole', async () => {
    const fixture = await withEvents(5);
    const database = intruder(fixture);
    await database.exec(
      'update audit_events set position = 99 where position = 2',
      'update audit_events set position = 2 where position = 3',
      'update audit_events set position = 3 where position = 99',
    );
    await rechain(fixture);
    expect((await fixture.audit.verify(organization)).problem).toMatch(/written anew/);
  });

  it('when an event is inserted, chained or not, without the key', async () => {
    for (const position of ['null', '6']) {
      const fixture = await withEvents(5);
      const database = intruder(fixture);
      await database.exec(`insert into audit_events select '01ffffff-0000-7000-8000-000000000000', organization, at, principal,
        actors, operation, permission, resource, result, decision, details, request, mac, ${position}, hash, hash
        from audit_events where position = 5`);
      if (position !== 'null') await rechain(fixture);
      expect((await fixture.audit.verify(organization)).problem).toMatch(/was edited or inserted/);
    }
  });

  it('when the tail is cut off and the heads stay', async () => {
    const fixture = await withEvents(5);
    const database = intruder(fixture);
    await database.exec('delete from audit_events where position > 3');
    await rechain(fixture);
    expect((await fixture.audit.verify(organization)).problem).toMatch(
      /cut off: a signed head names event 5/,
    );
  });

  it('when tail and heads are cut off, by a head that was kept elsewhere, and by nothing else', async () => {
    const fixture = await withEvents(5);
    const kept = await fixture.audit.head(organization);
    const database = intruder(fixture);
    await database.exec('delete from audit_events where position > 3', 'delete from audit_heads');
    await rechain(fixture);
    expect((await fixture.audit.verify(organization)).valid).toBe(true);
    const against = await fixture.audit.verify(organization, kept);
    expect(against).toMatchObject({ valid: false });
    expect(against.problem).toMatch(/cut off: the kept head names event 5, and it ends with 3/);
  });

  it('when a signed head is forged, or signed by another key', async () => {
    const fixture = await withEvents(5);
    const kept = await fixture.audit.head(organization);
    const [header, , signature] = (kept?.jws ?? '').split('.');
    const forged = Buffer.from(JSON.stringify({ position: 1 })).toString('base64url');
    await expect(
      fixture.audit.verify(organization, { ...kept, jws: `${header}.${forged}.${signature}` }),
    ).rejects.toMatchObject({ code: 'invalid_request' });
    await expect(fixture.audit.verify(organization, 'a head')).rejects.toMatchObject({
      code: 'invalid_request',
    });
    await intruder(fixture).exec(`update audit_heads set jws = '${header}.${forged}.${signature}'`);
    expect((await fixture.audit.verify(organization)).problem).toBe('head 1 was changed');
    const said = JSON.parse(
      Buffer.from((kept?.jws ?? '').split('.')[1] ?? '', 'base64url').toString(),
    ) as object;
    const retold = Buffer.from(JSON.stringify({ ...said, at: 1 })).toString('base64url');
    await intruder(fixture).exec(`update audit_heads set jws = '${header}.${retold}.${signature}'`);
    expect((await fixture.audit.verify(organization)).problem).toBe('the signature of head 1 does not hold');
    await intruder(fixture).exec(`update audit_heads set jws = '${kept?.jws ?? ''}', position = 4`);
    expect((await fixture.audit.verify(organization)).problem).toBe('head 1 was changed');

    const other = await withEvents(5);
    expect((await fixture.audit.verify(organization, await other.audit.head(organization))).valid).toBe(
      false,
    );
  });

  it('when any byte of any event changes (property)', async () => {
    const fixture = await withEvents(4);
    const { store, secrets } = fixture;
    const database = intruder(fixture);
    const text = fc.constantFrom('operation', 'resource', 'details', 'request', 'principal', 'hash', 'mac');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        text,
        fc.nat(500),
        fc.integer({ min: 33, max: 126 }),
        async (position, column, at, byte) => {
          const [row] = await store.db
            .selectFrom('audit_events')
            .select(sql<string>`${sql.ref(column)}`.as('value'))
            .where('position', '=', position)
            .execute();
          const before = String(row?.value);
          const index = at % before.length;
          const after = before.slice(0, index) + String.fromCharCode(byte) + before.slice(index + 1);
          fc.pre(after !== before);
          const set = (value: string) =>
            database.run(
              sql`update audit_events set ${sql.ref(column)} = ${value} where position = ${position}`,
            );
          await set(after);
          const result = await verifyAudit(
            {
              store,
              mac: secrets.auditMac,
              macKey: secrets.auditMacKey,
              file: null,
              signingKeys: secrets.signingKeys,
            },
            { organization },
          );
          await set(before);
          return !result.valid;
        },
      ),
      { numRuns: 60 },
    );
    expect((await fixture.audit.verify(organization)).valid).toBe(true);
  });
});
