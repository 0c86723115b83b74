// The agent's own log and its process: no credential in a line, no memory in a core dump.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { createLog } from '../../agent/log.ts';
import { maskLine } from '../../agent/mask-line.ts';

test('a line shows neither tokens nor credentials nor private keys, wherever they stand', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', write: (line) => lines.push(line) });
  const token = 'wsj_0197a0c0-0000-7000-8000-000000000001.c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U.00ff';
  log.error({ token, proxy: 'http://user:p4ss@proxy:3128' }, `failed with ${token}`);
  log.warn('Authorization: Bearer abcdefghijklmnop');
  log.info({ key: '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----' }, 'x');
  log.debug('not shown at this level');
  const text = lines.join('');
  for (const secret of ['c2VjcmV0', 'p4ss', 'abcdefghijklmnop', 'MIGH', 'not shown'])
    expect(text).not.toContain(secret);
  expect(text).toContain('[token]');
  expect(lines.map((line) => (JSON.parse(line) as { level: number }).level)).toEqual([50, 40, 30]);
});

test('masking leaves ordinary lines as they are', () => {
  const line = '{"msg":"connected to https://wayside.internal:7401 as build-1"}';
  expect(maskLine(line)).toBe(line);
});

test.runIf(process.platform === 'linux')('the memory of the agent is left out of core dumps', () => {
  const program = `
    import { leaveMemoryOutOfDumps } from ${JSON.stringify(new URL('../../agent/undumpable.ts', import.meta.url).pathname)};
    import { readFileSync } from 'node:fs';
    console.log(JSON.stringify([leaveMemoryOutOfDumps(), readFileSync('/proc/self/coredump_filter', 'utf8').trim()]));`;
  const told = execFileSync(process.execPath, ['--input-type=module-typescript', '-e', program], {
    encoding: 'utf8',
  });
  const [report, filter] = JSON.parse(told) as [{ memoryLeftOut: boolean; advice: string[] }, string];
  expect(report.memoryLeftOut).toBe(true);
  expect(Number.parseInt(filter, 16)).toBe(0);
});
