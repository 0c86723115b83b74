import { expect, it } from 'vitest';
import { keyringDestroyAgeMsMin } from '../../../protocol/limits.ts';
import { serve } from '../store/serve.ts';

it('shows, rotates and destroys versions of the keyring, and audits both', async () => {
  const { request, store, advance } = await serve();
  const keyring = async () =>
    (
      (await (await request('GET', '/v1/keyring')).json()) as {
        versions: { state: string; references: number }[];
      }
    ).versions;
  expect(await keyring()).toMatchObject([{ version: 1, state: 'active', references: 3 }]);
  expect((await request('DELETE', '/v1/keyring/versions/1')).status).toBe(409);
  expect(await (await request('POST', '/v1/keyring/rotate')).json()).toEqual({ version: 2, rewrapped: 3 });
  expect(await keyring()).toMatchObject([
    { version: 1, state: 'decrypt_only', references: 0 },
    { version: 2, state: 'active', references: 3 },
  ]);
  expect((await request('DELETE', '/v1/keyring/versions/1')).status).toBe(409);
  advance(keyringDestroyAgeMsMin);
  expect((await request('DELETE', '/v1/keyring/versions/1')).status).toBe(204);
  expect((await keyring())[0]).toMatchObject({ state: 'destroyed', references: 0 });
  const events = await store.db.selectFrom('audit_events').select('operation').orderBy('id').execute();
  expect(events.map((event) => event.operation)).toEqual([
    'organization.create',
    'token.create',
    'keyring.rotate',
    'keyring.destroy',
  ]);
});
