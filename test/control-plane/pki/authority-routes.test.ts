import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const create = (level: string) => server.api('POST', '/v1/pki/authorities', { level });

describe('roots', () => {
  it('follow one another one at a time: while two are trusted, no third one is announced to agents', async () => {
    expect((await create('root')).body).toMatchObject({ name: 'root-2', state: 'next' });
    expect(await create('root')).toMatchObject({ status: 409, body: { code: 'conflict' } });
    expect((await server.api('POST', '/v1/pki/rotations', { level: 'root' })).status).toBe(200);
    // An agent that was away knows root-1 alone, and takes nothing of an offer in which anything is strange to it.
    const third = await create('root');
    expect(third.body).toMatchObject({ code: 'in_use' });
    expect(third.body.detail).toContain('wayside pki retire root-1');
    expect((await server.api('POST', '/v1/pki/authorities/root-1/retire', { force: true })).status).toBe(200);
    expect((await create('root')).body).toMatchObject({ name: 'root-3', state: 'next' });
  });
});
