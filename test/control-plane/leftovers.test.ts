import { randomUUIDv7 } from 'node:crypto';
import { expect, it } from 'vitest';
import { forgetDenialCounts } from '../../control-plane/audit/denials.ts';
import { forgetDecisions } from '../../control-plane/authority/forget-decisions.ts';
import { forgetIdempotencyKeys } from '../../control-plane/http/forget-idempotency-keys.ts';
import {
  decisionRetentionMs,
  denialCountsKeptMs,
  idempotencyMsMax,
  pruneRowsMax,
} from '../../protocol/limits.ts';
import { idBefore } from '../../protocol/ids.ts';
import { World } from './runs/world.ts';

const now = 1_800_000_000_000;
const clock = {
  now: () => now,
  after: (_ms: number, wake: () => void) => {
    setImmediate(wake);
    return () => undefined;
  },
};

it('an id is not before the moment that it was made', () => {
  const made = Date.now();
  const id = randomUUIDv7();
  expect(idBefore(made) <= id).toBe(true);
  expect(idBefore(Date.now() + 1) > id).toBe(true);
});

it('decisions, idempotency keys and counts go when their time is over, however many there are', async () => {
  const world = await World.open();
  const { store } = world;
  const old = pruneRowsMax + 3;
  const decision = (at: number, count: number) => ({
    id: `${idBefore(at).slice(0, 13)}-7000-8000-${String(count).padStart(12, '0')}`,
    organization: 'o',
    at,
    trace: '{}',
  });
  const key = (created_at: number, count: number) => ({
    ...{ principal: 'p', route: 'POST /', key: String(count), body_mac: '', status: 201, answer: '' },
    created_at,
  });
  await world.sql('delete from decisions');
  for (let count = 0; count < old; count += 200) {
    const some = Array.from({ length: Math.min(200, old - count) }, (_, at) => count + at);
    await world.write(
      {
        query: store.db
          .insertInto('decisions')
          .values(some.map((at) => decision(now - decisionRetentionMs - 1, at)))
          .compile(),
      },
      {
        query: store.db
          .insertInto('idempotency_keys')
          .values(some.map((at) => key(now - idempotencyMsMax, at)))
          .compile(),
      },
    );
  }
  const day = (ms: number) => new Date(now - ms).toISOString().slice(0, 10);
  const counts = [denialCountsKeptMs + 86_400_000, denialCountsKeptMs].map((ms) => ({
    reason: 'x',
    day: day(ms),
    count: 1,
  }));
  await world.write(
    {
      query: store.db
        .insertInto('decisions')
        .values(decision(now - decisionRetentionMs, 0))
        .compile(),
    },
    {
      query: store.db
        .insertInto('idempotency_keys')
        .values(key(now - idempotencyMsMax + 1, -1))
        .compile(),
    },
    { query: store.db.insertInto('audit_denials').values(counts).compile() },
  );
  expect(await forgetDecisions({ store, clock })).toBe(old);
  expect(await forgetIdempotencyKeys({ store, clock })).toBe(old);
  expect(await forgetDenialCounts({ store, clock })).toBe(1);
  expect(await forgetDecisions({ store, clock })).toBe(0);
  expect(await forgetIdempotencyKeys({ store, clock })).toBe(0);
  expect(await store.read(store.db.selectFrom('decisions').select('at').compile())).toHaveLength(1);
  expect(await store.read(store.db.selectFrom('idempotency_keys').select('key').compile())).toEqual([
    { key: '-1' },
  ]);
});
