// The log keeps credentials to itself, and says which request and which run a line is about.
import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { openLog } from '../../../control-plane/telemetry/log.ts';

function logInto(lines: string[]) {
  return openLog(
    'info',
    new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk));
        done();
      },
    }),
  );
}

test('headers that let somebody in never stand in it, wherever a request is logged', () => {
  const lines: string[] = [];
  const log = logInto(lines);
  const secret = 'wsp_a-token-that-nobody-may-read';
  const headers = {
    authorization: `Bearer ${secret}`,
    cookie: `session=${secret}`,
    'set-cookie': `session=${secret}`,
    'proxy-authorization': secret,
    dpop: secret,
    'user-agent': 'a browser',
  };
  log.info({ headers }, 'bare');
  for (const name of ['req', 'request', 'res', 'raw']) log.info({ [name]: { headers } }, name);
  log.error({ err: Object.assign(new Error('broken'), { headers }) }, 'an error');
  expect(lines).toHaveLength(6);
  expect(lines.join('')).not.toContain(secret);
  expect(lines[0]).toContain('"authorization":"[redacted]"');
  expect(lines[0]).toContain('a browser');
});
