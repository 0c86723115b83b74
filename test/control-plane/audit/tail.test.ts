import { describe, expect, it } from 'vitest';
import type { AuditEventsTable } from '../../../control-plane/store/schema.ts';
import { readAuditPage } from '../../../control-plane/audit/list.ts';
import { auditSweepMs } from '../../../protocol/limits.ts';
import { openAudit } from '../../../control-plane/audit/audit.ts';
import { entry, openAuditFixture, organization } from './open-audit.ts';

async function take(source: AsyncIterator<AuditEventsTable>, count: number): Promise<string[]> {
  const operations: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const next = await source.next();
    if (next.done === true) break;
    operations.push(next.value.operation);
  }
  return operations;
}

describe('the tail', () => {
  it('gives every event once and in order, whenever it is resumed', async () => {
    const { store, audit } = await openAuditFixture();
    const written = Array.from({ length: 120 }, (_, index) => `event-${index}`);
    const writing = (async () => {
      for (const operation of written) {
        await store.write([audit.step(entry(operation))]);
        if (operation.endsWith('7')) await audit.settle();
      }
      await audit.settle();
    })();
    const seen: string[] = [];
    for (let after = 0; seen.length < written.length; after = seen.length) {
      const source = audit.tail({ organization, after });
      seen.push(...(await take(source, Math.min(17, written.length - seen.length))));
      await source.return?.();
    }
    await writing;
    expect(seen).toEqual(written);
  });

  it('waits for what comes, passes over what does not match, and ends while it waits', async () => {
    const { store, audit } = await openAuditFixture();
    const source = audit.tail({ organization, after: 0, operation: 'wanted' });
    const next = source.next();
    for (const operation of ['other', 'other', 'wanted']) await store.write([audit.step(entry(operation))]);
    await audit.settle();
    expect(await next).toMatchObject({ done: false, value: { operation: 'wanted', position: 3 } });
    const waiting = source.next();
    await source.return?.();
    expect(await waiting).toEqual({ done: true, value: undefined });
  });

  it('finds what another process has chained', async () => {
    const { store, audit, secrets, clock, advance } = await openAuditFixture();
    const other = openAudit({ store, secrets, clock, report: () => undefined });
    const next = audit.tail({ organization, after: 0 }).next();
    await store.write([other.step(entry('elsewhere'))]);
    await other.settle();
    let found = false;
    void next.then(() => (found = true));
    while (!found) {
      advance(auditSweepMs);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    expect(await next).toMatchObject({ value: { operation: 'elsewhere' } });
    await other.close();
  });

  it('begins before the last ones that match', async () => {
    const { store, audit } = await openAuditFixture();
    for (let index = 0; index < 9; index += 1) await store.write([audit.step(entry(`op-${index % 3}`))]);
    expect(await audit.beforeLast({ organization }, 0)).toBe(9);
    expect(await audit.beforeLast({ organization }, 4)).toBe(5);
    expect(await audit.beforeLast({ organization, operation: 'op-0' }, 2)).toBe(3);
    expect(await audit.beforeLast({ organization, operation: 'none' }, 2)).toBe(9);
  });
});

describe('filters', () => {
  it('narrow by resource and below it, permission, decision, time, and by who acted for others', async () => {
    const { store, audit, advance, clock } = await openAuditFixture();
    const ada = { id: '01900000-0000-7000-8000-0000000000aa', name: 'ada', kind: 'user' };
    const bot = { id: '01900000-0000-7000-8000-0000000000bb', name: 'bot', kind: 'service' };
    const write = (operation: string, changes: object) =>
      store.write([audit.step(entry(operation, changes))]);
    const begin = clock.now();
    await write('one', { resource: 'projects/p', principal: ada, actors: [bot] });
    await write('two', { resource: 'projects/p/runs/r', permission: 'wayside.run.read' });
    advance(1_000);
    await write('three', { resource: 'projects/p_', decision: 'd1' });
    await write('four', { resource: 'projects/pp/runs/r', principal: bot });
    const found = async (filter: object) => {
      const { rows } = await readAuditPage(store, { organization, limit: 50, after: null, ...filter });
      return rows.map((row) => row.operation).reverse();
    };
    expect(await found({ resource: 'projects/p' })).toEqual(['one', 'two']);
    expect(await found({ resource: 'projects/p_' })).toEqual(['three']);
    expect(await found({ permission: 'wayside.run.read' })).toEqual(['two']);
    expect(await found({ decision: 'd1' })).toEqual(['three']);
    expect(await found({ principal: bot.id })).toEqual(['one', 'four']);
    expect(await found({ since: begin + 1_000 })).toEqual(['three', 'four']);
    expect(await found({ until: begin + 1_000 })).toEqual(['one', 'two']);
    expect(await found({ since: begin, until: begin })).toEqual([]);
  });
});
