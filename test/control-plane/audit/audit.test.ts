import { describe, expect, it } from 'vitest';
import {
  auditChainMs,
  auditDenialReasonsMax,
  auditDetailsBytesMax,
  auditSealMs,
} from '../../../protocol/limits.ts';
import { auditView, readAuditPage } from '../../../control-plane/audit/list.ts';
import type { AuditPage } from '../../../control-plane/audit/list.ts';
import { changesOf, redacted } from '../../../control-plane/audit/redact.ts';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { entry, openAuditFixture, organization } from './open-audit.ts';

const count = async (store: Store) =>
  (await store.db.selectFrom('audit_events').select('id').execute()).length;

describe('appending', () => {
  it('is part of the change: both or neither', async () => {
    const { store, audit } = await openAuditFixture();
    const change = step(store.db.updateTable('organizations').set({ name: 'new' }));
    await store.write([change, audit.step(entry('organization.update'))]);
    expect(await count(store)).toBe(1);
    const impossible = step(store.db.deleteFrom('projects'), { name: 'there', exactly: 1 });
    await expect(store.write([audit.step(entry('project.delete')), impossible])).rejects.toThrow();
    expect(await count(store)).toBe(1);
  });

  it('writes a denial with what explains it', async () => {
    const { store, audit } = await openAuditFixture();
    const trace = step(
      store.db.insertInto('decisions').values({ id: 'd', organization, at: 1, trace: '{}' }),
    );
    await audit.recordDenial(entry('access', { decision: 'd' }), [trace]);
    const [event] = await store.db.selectFrom('audit_events').select(['result', 'decision']).execute();
    expect(event).toEqual({ result: 'denied', decision: 'd' });
    expect(await store.db.selectFrom('decisions').select('id').execute()).toEqual([{ id: 'd' }]);
  });

  it('keeps an event whose details are too large, and says that they were', async () => {
    const { store, audit } = await openAuditFixture();
    await store.write([audit.step(entry('big', { details: { text: 'x'.repeat(auditDetailsBytesMax) } }))]);
    const [event] = await store.db.selectFrom('audit_events').select('details').execute();
    expect(JSON.parse(event?.details ?? '')).toEqual({
      members: 1,
      omitted: `more than ${auditDetailsBytesMax} bytes`,
    });
    expect((await audit.verify(organization)).valid).toBe(true);
  });
});

describe('the chainer', () => {
  it('chains moments after an event, and signs at most once in a while', async () => {
    const { store, audit, advance, problems } = await openAuditFixture();
    const heads = () => store.db.selectFrom('audit_heads').select('position').orderBy('number').execute();
    const chained = async () => (await store.db.selectFrom('audit_ends').select('position').execute())[0];
    const until = async (position: number) => {
      while ((await chained())?.position !== position) await new Promise((resolve) => setTimeout(resolve, 2));
    };
    await store.write([audit.step(entry('first'))]);
    advance(auditChainMs);
    await until(1);
    while ((await heads()).length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    await store.write([audit.step(entry('second'))]);
    advance(auditChainMs);
    await until(2);
    expect(await heads()).toEqual([{ position: 1 }]);
    while ((await heads()).length === 1) {
      advance(auditSealMs);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await heads()).toEqual([{ position: 1 }, { position: 2 }]);
    expect(problems).toEqual([]);
  });

  it('shares one chain with another that works on the same store', async () => {
    const { store, audit, secrets, clock, problems } = await openAuditFixture();
    const second = openAudit({ store, secrets, clock, report: (cause) => problems.push(cause) });
    await Promise.all(
      Array.from({ length: 600 }, async (_, index) => {
        await store.write([(index % 2 === 0 ? audit : second).step(entry(`event-${index}`))]);
        if (index % 50 === 0) await Promise.all([audit.settle(), second.settle()]);
      }),
    );
    await Promise.all([audit.close(), second.close()]);
    await audit.settle();
    expect(await audit.verify(organization)).toMatchObject({ valid: true, head: { position: 600 } });
    expect(problems).toEqual([]);
  });

  it('goes on after a round that failed', async () => {
    const { store, audit } = await openAuditFixture();
    await store.write([audit.step(entry('first'))]);
    const failing = openAudit({
      store: { ...store, write: () => Promise.reject(new Error('no')) },
      secrets: (await openAuditFixture()).secrets,
      clock: { now: () => 1, after: () => () => undefined },
      report: () => undefined,
    });
    await expect(failing.settle()).rejects.toThrow('no');
    await expect(failing.settle()).rejects.toThrow('no');
    await audit.settle();
    expect(await audit.verify(organization)).toMatchObject({ valid: true, head: { position: 1 } });
  });
});

describe('denials of requests that nobody signed', () => {
  it('are counted by reason and day, and never fill the trail', async () => {
    const { store, audit } = await openAuditFixture();
    for (let index = 0; index < 1_000; index += 1) audit.countDenial('invalid_token');
    audit.countDenial('not_signed_in');
    await audit.settle();
    audit.countDenial('invalid_token');
    await audit.settle();
    expect(await store.db.selectFrom('audit_denials').selectAll().orderBy('reason').execute()).toEqual([
      { reason: 'invalid_token', day: '2027-01-15', count: 1_001 },
      { reason: 'not_signed_in', day: '2027-01-15', count: 1 },
    ]);
    expect(await count(store)).toBe(0);
  });

  it('are bounded in their reasons', async () => {
    const { store, audit } = await openAuditFixture();
    for (let index = 0; index < auditDenialReasonsMax + 50; index += 1) audit.countDenial(`reason-${index}`);
    await audit.settle();
    const rows = await store.db.selectFrom('audit_denials').selectAll().execute();
    expect(rows).toHaveLength(auditDenialReasonsMax + 1);
    expect(rows.find((row) => row.reason === 'other')?.count).toBe(50);
  });
});

describe('the list', () => {
  it('gives pages, the newest first, and filters', async () => {
    const { store, audit } = await openAuditFixture();
    const ids = ['01900000-0000-7000-8000-00000000000a', '01900000-0000-7000-8000-00000000000b'];
    for (let index = 0; index < 9; index += 1) {
      const principal = { id: ids[index % 2] ?? '', name: 'a "quoted" name', kind: 'user' };
      const result = index % 3 === 0 ? 'denied' : 'allowed';
      await store.write([audit.step(entry(`op-${index % 2}`, { principal, result }))]);
    }
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const { rows, next }: AuditPage = await readAuditPage(store, { organization, limit: 4, after });
      seen.push(...rows.map((row) => row.id));
      after = next;
    } while (after !== null);
    expect(seen).toHaveLength(9);
    expect(seen).toEqual([...new Set(seen)].sort().reverse());

    const query = { organization, limit: 50, after: null };
    const found = async (filter: object) => (await readAuditPage(store, { ...query, ...filter })).rows;
    expect(await found({ principal: ids[0] })).toHaveLength(5);
    expect(await found({ principal: '%' })).toHaveLength(0);
    expect(await found({ operation: 'op-1' })).toHaveLength(4);
    expect(await found({ result: 'denied' })).toHaveLength(3);
    expect(await found({ organization: 'other' })).toHaveLength(0);
    const [row] = await found({ principal: ids[1] });
    expect(row === undefined ? null : auditView(row)).toMatchObject({
      principal: { id: ids[1], name: 'a "quoted" name', kind: 'user' },
      details: { sequence: 1 },
      position: null,
    });
  });
});

describe('what changed', () => {
  it('says before and after, and neither of a secret', () => {
    const before = { name: 'a', size: 1, token: 'old-secret' };
    const changes = changesOf(before, { name: 'b', size: 1, token: 'new-secret' }, ['token']);
    expect(Object.fromEntries(changes)).toEqual({
      name: { before: 'a', after: 'b' },
      token: { before: redacted, after: redacted },
    });
    expect(JSON.stringify([...changes])).not.toContain('secret');
  });
});
