// `wayside-agent doctor`: says what is right, finds what is wrong, and how to mend it.
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { enroll } from '../../../agent/enroll.ts';
import { noFaults } from '../../../agent/fault.ts';
import { openConnectProxy } from '../../support/connect-proxy.ts';
import { enrolled } from '../other-side/agent.ts';
import type { Household } from '../other-side/agent.ts';
import { spawnAgent } from '../other-side/process.ts';
import { openOtherSide } from '../other-side/server.ts';
import type { OtherSide } from '../other-side/server.ts';

interface Check {
  readonly name: string;
  readonly state: string;
  readonly found: string;
  readonly mend: string | null;
  readonly details?: readonly string[];
}

let side: OtherSide;
let house: Household;
beforeEach(async () => {
  side = await openOtherSide();
  house = await enrolled(side, 'group "prod" {\n}\n');
});
afterEach(async () => {
  await side[Symbol.asyncDispose]();
  house[Symbol.dispose]();
});

async function doctor(...args: readonly string[]) {
  const base = ['doctor', '-c', house.file, '--state-dir', house.state, '--json'];
  const { code, stdout, stderr } = await spawnAgent([...base, ...args]).finished;
  expect(stderr).toBe('');
  const { checks } = JSON.parse(stdout) as { checks: readonly Check[] };
  return { code, checks, of: (name: string) => checks.find((check) => check.name === name) };
}

test('finds nothing wrong with an agent that is well, and shows the certificates of both ends', async () => {
  const { code, checks, of } = await doctor();
  expect(checks.filter(({ state }) => state === 'failed')).toEqual([]);
  expect(code).toBe(0);
  expect(of('connection')).toMatchObject({ state: 'ok' });
  expect(of('clock')).toMatchObject({ state: 'ok' });
  expect(of('certificate')?.details).toHaveLength(3);
  expect(of('identity')?.details?.join('')).toMatch(/fingerprint of its key, .*: [0-9a-f]{64}$/);
  expect(of('audit heads')).toMatchObject({ state: 'skipped' });
  expect(of('server')?.found).toContain('accepts connections');
});

test('finds keys that others can read, a broken file and a damaged journal', async () => {
  chmodSync(join(house.state, 'identity.json'), 0o644);
  house.write('group "prod" {\n  oops {}\n}\n');
  writeFileSync(join(house.state, 'journal.log'), 'not a journal at all');
  const conflict = { kind: 'went_back', kept: 'a.b.c', received: null, at: 1, told: true };
  writeFileSync(join(house.state, 'heads.json'), JSON.stringify({ heads: [], conflicts: [conflict] }));
  const { code, of } = await doctor();
  expect(code).toBe(1);
  expect(of('audit heads')).toMatchObject({ state: 'failed' });
  expect(of('state folder')).toMatchObject({
    state: 'failed',
    mend: expect.stringContaining('chmod 600') as string,
  });
  expect(of('agent file')).toMatchObject({ state: 'failed' });
  expect(of('agent file')?.details?.join('')).toContain('agent.hcl:2:3');
  expect(of('journal')?.state).toBe('warning');
});

test('finds a server that is gone, and a proxy that wants credentials', async () => {
  await using proxy = await openConnectProxy({ user: 'agent', password: 'pw' });
  const through = await doctor('--proxy', proxy.url);
  expect(through.code).toBe(0);
  expect(through.of('proxy')?.found).toContain(String(proxy.port));
  expect(JSON.stringify(through.checks)).not.toContain('pw@');
  const bare = await doctor('--proxy', proxy.url.replace(/\/\/.*@/, '//'));
  expect(bare.code).toBe(1);
  expect(JSON.stringify(bare.checks)).toContain('credentials (407)');
  await side[Symbol.asyncDispose]();
  const gone = await doctor();
  expect(gone.of('server')).toMatchObject({
    state: 'failed',
    mend: expect.stringContaining('Nothing listens') as string,
  });
  expect(gone.of('connection')?.state).toBe('skipped');
});

test('finds a certificate that has expired, and names the way back', async () => {
  side.manners.leafMs = 50;
  await enroll({
    server: side.enrollUrl,
    token: side.token(),
    stateFolder: house.state,
    proxyEnv: {},
    now: Date.now(),
    faultPoint: noFaults,
    name: 'build-1',
    replace: true,
  });
  const { code, of } = await doctor();
  expect(code).toBe(1);
  expect(of('certificate')).toMatchObject({
    state: 'failed',
    mend: expect.stringContaining('enroll --recover') as string,
  });
  expect(of('connection')?.state).toBe('failed');
});

test('helps before enrolment too, with words for people', async () => {
  const empty = join(house.folder, 'new');
  const { code, stdout } = await spawnAgent(['doctor', '--state-dir', empty, '--server', side.enrollUrl.href])
    .finished;
  expect(code).toBe(1);
  expect(stdout).toContain('✗ identity');
  expect(stdout).toContain('→ wayside-agent enroll');
  expect(stdout).toContain(side.authority.rootPin);
});
