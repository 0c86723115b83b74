// `wayside-agent enroll` and `run` as their users call them.
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readCertificates, readIdentity } from '../../../agent/identity.ts';
import { openFolder } from '../../support/folder.ts';
import type { Folder } from '../../support/folder.ts';
import { spawnAgent } from '../other-side/process.ts';
import { openOtherSide } from '../other-side/server.ts';
import type { OtherSide } from '../other-side/server.ts';

let side: OtherSide;
let folder: Folder;
let state: string;
beforeEach(async () => {
  side = await openOtherSide();
  folder = openFolder();
  state = join(folder.path, 'state');
});
afterEach(async () => {
  await side[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const enroll = (args: readonly string[], stdin = '') =>
  spawnAgent(['enroll', '--server', side.enrollUrl.href, '--state-dir', state, ...args], { stdin }).finished;

test('takes the token from standard input, and says where the identity is and what comes next', async () => {
  const { code, stdout } = await enroll(['--name', 'build-1'], `${side.token()}\n`);
  expect(code).toBe(0);
  expect(stdout).toContain(`Enrolled as build-1 (${side.agent.id}) for "prod".`);
  expect(stdout).toContain(state);
  expect(stdout).toContain('wayside-agent run');
  const again = await enroll(['--name', 'build-1'], side.token());
  expect(again.code).toBe(69);
  expect(again.stderr).toContain('--replace');
});

test('takes it from a file too, and answers programs in JSON', async () => {
  const file = join(folder.path, 'token');
  writeFileSync(file, side.token());
  const { code, stdout } = await enroll(['--name', 'build-2', '--token-file', file, '--json']);
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    agent: { name: 'build-2' },
    groups: ['prod'],
    pending_approval: false,
  });
});

test('has no option for the token itself, and never repeats it', async () => {
  const help = await spawnAgent(['enroll', '--help']).finished;
  expect(help.stdout).not.toMatch(/--token[ =<]/);
  expect(help.stdout).toContain('Examples:');
  const wrong = await enroll(['--name', 'x'], 'wsj_this-is-wrong-but-secret');
  expect(wrong.code).toBe(77);
  expect(wrong.stderr + wrong.stdout).not.toContain('wrong-but-secret');
});

test('tells a person to approve where one must, and the fingerprint to compare', async () => {
  side.manners.pendingApproval = true;
  const { stdout } = await enroll(['--name', 'build-3'], side.token());
  expect(stdout).toContain('must approve');
  const [leaf] = readCertificates(readIdentity(state)?.certificate_chain ?? '');
  const key = leaf?.publicKey.export({ type: 'spki', format: 'der' }) ?? '';
  const fingerprint = createHash('sha256').update(key).digest('hex');
  expect(stdout).toContain(`wayside agent approve build-3 --fingerprint ${fingerprint}`);
});

test('recovers the identity at the server that it knows', async () => {
  await enroll(['--name', 'build-4'], side.token());
  const { code, stdout } = await spawnAgent(['enroll', '--recover', '--state-dir', state, '--json'], {
    stdin: side.token(),
  }).finished;
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ agent: { id: side.agent.id, name: 'build-4' }, generation: 2 });
});

test('wrong usage answers 64, an unreachable server 68', async () => {
  expect(
    (await spawnAgent(['enroll', '--server', 'http://plain', '--state-dir', state], { stdin: 'x' }).finished)
      .code,
  ).toBe(64);
  expect((await spawnAgent(['enroll', '--no-such-flag']).finished).code).toBe(64);
  const closed = spawnAgent(['enroll', '--server', 'https://localhost:1', '--state-dir', state], {
    stdin: side.token(),
  });
  expect((await closed.finished).code).toBe(68);
});

test('run: needs a file and an identity, and drains on SIGTERM', async () => {
  const file = join(folder.path, 'agent.hcl');
  writeFileSync(file, 'group "prod" {\n  action "a" {\n    run {\n      command = ["true"]\n    }\n  }\n}\n');
  expect((await spawnAgent(['run']).finished).code).toBe(64);
  const stranger = await spawnAgent(['run', '-c', file, '--state-dir', state]).finished;
  expect(stranger.code).toBe(77);
  expect(stranger.stderr).toContain('Enrol first');
  await enroll(['--name', 'build-5'], side.token());
  writeFileSync(file, 'group "prod" {\n  oops {}\n}\n');
  const broken = await spawnAgent(['run', '-c', file, '--state-dir', state]).finished;
  expect(broken.code).toBe(1);
  expect(broken.stderr).toContain('agent.hcl:2:3');
  writeFileSync(file, 'group "prod" {\n}\n');
  await using agent = spawnAgent(['run', '-c', file, '--state-dir', state]);
  await side.hear('poll');
  agent.kill('SIGTERM');
  expect((await agent.finished).code).toBe(0);
});

test('every command has help with examples and exit codes', async () => {
  const { stdout } = await spawnAgent(['--help']).finished;
  const commands = ['enroll', 'run', 'lint', 'plan', 'doctor'];
  for (const command of commands) expect(stdout).toContain(`  ${command} `);
  for (const command of commands.filter((name) => name !== 'plan')) {
    const help = await spawnAgent([command, '--help']).finished;
    expect(help.code).toBe(0);
    expect(help.stdout).toContain('Examples:');
    expect(help.stdout).toContain('Exit codes:');
  }
});
