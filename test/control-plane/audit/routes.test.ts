import { expect, it } from 'vitest';
import { serve } from '../store/serve.ts';

it('lists the trail in pages, and each reading is an event of it', async () => {
  const { request } = await serve();
  const first = (await (await request('GET', '/v1/audit?limit=1')).json()) as {
    items: { operation: string }[];
  };
  expect(first.items.map((event) => event.operation)).toEqual(['token.create']);
  const second = (await (await request('GET', '/v1/audit?limit=1&principal=owner')).json()) as {
    items: { operation: string; principal: { name: string } }[];
    next_cursor: string;
  };
  expect(second.items).toMatchObject([{ operation: 'audit.read', principal: { name: 'owner' } }]);
  const next = await request('GET', `/v1/audit?limit=1&principal=owner&cursor=${second.next_cursor}`);
  expect(((await next.json()) as typeof second).items[0]?.operation).toBe('token.create');
  expect((await request('GET', '/v1/audit?cursor=nonsense!')).status).toBe(400);
});

it('verifies the trail, also against a head that was kept', async () => {
  const { request } = await serve();
  const head = (await (await request('GET', '/v1/audit/head')).json()) as object;
  const verdict = await request('POST', '/v1/audit/verify', { against: head });
  expect(await verdict.json()).toMatchObject({ valid: true, problem: null });
  expect((await request('POST', '/v1/audit/verify', { against: { jws: 'x' } })).status).toBe(400);
  expect((await request('POST', '/v1/audit/verify', {})).status).toBe(200);
});

it('counts those who are not signed in, and chains nothing of them', async () => {
  const { request, audit, store } = await serve();
  for (let index = 0; index < 5; index += 1) {
    expect((await request('GET', '/v1/audit', undefined, 'wsp_wrong')).status).toBe(401);
  }
  await audit.settle();
  expect(await store.db.selectFrom('audit_denials').select(['reason', 'count']).execute()).toEqual([
    { reason: 'invalid_token', count: 5 },
  ]);
});
