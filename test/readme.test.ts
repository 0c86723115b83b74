// The README's walk-through, command by command as it stands there, in an empty folder.
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { compileCache } from './support/processes.ts';

const root = join(import.meta.dirname, '..');
const secret = 'correct-horse-battery';
const children: ChildProcess[] = [];
let folder = '';
let environment: Record<string, string> = {};
let commands: string[] = [];
let agentFile = '';
let enrollPort = 0;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** `npx NAME` as in a checkout, but from any folder. */
async function installNpx(bin: string): Promise<void> {
  await mkdir(bin);
  const script = `#!/bin/sh\nname=$1; shift\ncase $name in\n  wayside) exec "${process.execPath}" "${root}/cli/main.ts" "$@" ;;\n  wayside-agent) exec "${process.execPath}" "${root}/agent/main.ts" "$@" ;;\nesac\nexit 127\n`;
  await writeFile(join(bin, 'npx'), script);
  await chmod(join(bin, 'npx'), 0o755);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wayside-readme-'));
  await installNpx(join(folder, 'bin'));
  const [port, agentPort] = [await freePort(), await freePort()];
  enrollPort = await freePort();
  environment = {
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    HOME: folder,
    NODE_COMPILE_CACHE: compileCache,
    XDG_CONFIG_HOME: join(folder, 'config'),
    WAYSIDE_PORT: String(port),
    WAYSIDE_AGENT_PORT: String(agentPort),
    WAYSIDE_ENROLL_PORT: String(enrollPort),
    WAYSIDE_URL: `http://127.0.0.1:${port}`,
    WAYSIDE_AGENT_STATE_DIR: join(folder, 'agent-state'),
  };
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const walk = readme.slice(readme.indexOf('## Ten minutes'), readme.indexOf('## Where to go next'));
  const blocks = [...walk.matchAll(/```(\w+)\n([\s\S]*?)```/g)];
  commands = blocks
    .filter(([, language]) => language === 'sh')
    .flatMap(([, , text = '']) => text.split('\n'))
    .map((line) => line.replace(/\s+#.*$/, '').replaceAll('127.0.0.1:7402', `127.0.0.1:${enrollPort}`))
    .filter((line) => line !== '');
  agentFile = blocks.find(([, language]) => language === 'hcl')?.[2] ?? '';
});

afterAll(async () => {
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(children.filter(({ exitCode }) => exitCode === null).map((child) => once(child, 'exit')));
  await rm(folder, { recursive: true, force: true });
});

/** Starts a command that stays, and waits until it has printed what `ready` finds. */
async function stay(command: string, ready: RegExp): Promise<RegExpExecArray> {
  const child = spawn('sh', ['-c', `exec ${command}`], {
    cwd: folder,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  for (let tries = 0; tries < 300; tries += 1) {
    const match = ready.exec(said);
    if (match !== null) return match;
    await sleep(100);
  }
  throw new Error(`${command} did not say ${String(ready)}: ${said}`);
}

async function run(command: string, input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
  const pending = promisify(execFile)('sh', ['-c', command], { cwd: folder, env: environment });
  pending.child.stdin?.end(input);
  try {
    return { code: 0, ...(await pending) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

function take(start: string): string {
  const index = commands.findIndex((command) => command.startsWith(start));
  const [command] = index === -1 ? [] : commands.splice(index, 1);
  if (command === undefined) throw new Error(`the README has no command ${start}`);
  return command;
}

async function succeed(start: string, input?: string): Promise<string> {
  const { code, stdout, stderr } = await run(take(start), input);
  expect([start, code, stderr.includes('Error')]).toEqual([start, 0, false]);
  return stdout;
}

test(
  'every command of the walk-through does what the README says, in its order',
  { timeout: 120_000 },
  async () => {
    const [token] = await stay(take('npx wayside server'), /wsp_[\w-]+/);
    await succeed('npx wayside login', token);
    await succeed('npx wayside group create');
    const printed = await succeed('npx wayside group token');
    await writeFile(join(folder, 'token'), /wsj_[\w.-]+/.exec(printed)?.[0] ?? '');
    await succeed('npx wayside-agent enroll');

    await writeFile(join(folder, 'agent.hcl'), agentFile);
    await succeed('npx wayside-agent lint');
    const plan = await succeed('npx wayside-agent plan');
    expect(plan).toContain('sh');
    expect(plan).not.toContain('not-the-real-one');
    await stay(take('npx wayside-agent run'), /Connected|connected/);

    expect(await succeed('npx wayside agent list')).toMatch(/first +online/);
    expect(await succeed('npx wayside action create')).toContain('promote');
    await writeFile(join(folder, 'secret'), secret);
    await succeed('npx wayside variable set');
    const followed = await succeed('npx wayside run start promote --input version=v1.2.3');
    expect(followed).toContain('promoting v1.2.3 with ');
    expect(followed).toContain('promoted v1.2.3');
    expect(followed).not.toContain(secret);
    expect(await succeed('npx wayside run list')).toMatch(/promote #1 +succeeded/);
    expect(await succeed('npx wayside audit verify')).toContain('whole');

    const refused = await run(take('npx wayside run start promote --input'));
    expect(refused.code).toBe(64);
    expect(refused.stderr).toContain('version');
    expect(commands).toEqual([]);
  },
);

test('npx finds both commands in a checkout', { timeout: 120_000 }, async () => {
  for (const name of ['wayside', 'wayside-agent']) {
    const { stdout } = await promisify(execFile)('npx', ['--no-install', name, '--version'], { cwd: root });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+/);
  }
});
