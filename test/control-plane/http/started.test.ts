import { expect, test } from 'vitest';
import { startTestServer } from '../../support/server.ts';

test.each(['here', 'process'] as const)('a control plane starts and ends (%s)', async (mode) => {
  const server = await startTestServer({ mode });
  expect(server.token).toMatch(/^wsp_/);
  expect(server.agentUrl).toMatch(/^wss:/);
  expect(server.enrollUrl).toMatch(/^https:/);
  expect((await server.api('GET', '/v1/whoami')).body).toMatchObject({ principal: { name: 'owner' } });
  await server.close();
  await expect(server.api('GET', '/healthz')).rejects.toThrow();
});
