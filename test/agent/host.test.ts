import { expect, test } from 'vitest';
import { childEnvironment, engineEnvironment, hostOf, pathDefault, shellOf } from '../../agent/host.ts';

const host = { environment: {}, home: '/home/a', timeZone: 'Europe/Berlin' };
const nothing = { inherit: [], given: new Map(), runId: 'r' };

test('a child always has PATH, HOME, LANG, TZ and the tag of its run', () => {
  expect(childEnvironment(host, nothing)).toEqual({
    PATH: pathDefault,
    HOME: '/home/a',
    LANG: 'C.UTF-8',
    TZ: 'Europe/Berlin',
    WAYSIDE_RUN_ID: 'r',
  });
});

test('what is inherited gives way to what the file says, and both to the tag', () => {
  const environment = { PATH: '/bin', TZ: 'UTC', A: 'agent', B: 'agent', SECRET: 's' };
  const given = new Map([
    ['B', { value: 'file' }],
    ['WAYSIDE_RUN_ID', { value: 'file' }],
    ['__proto__', { value: 'a name like others' }],
  ]);
  const env = childEnvironment(
    { ...host, environment },
    { inherit: ['A', 'B', 'NONE'], given, runId: 'r', home: '/h' },
  );
  expect(Object.entries(env)).toEqual([
    ['PATH', '/bin'],
    ['HOME', '/h'],
    ['LANG', 'C.UTF-8'],
    ['TZ', 'UTC'],
    ['A', 'agent'],
    ['B', 'file'],
    ['WAYSIDE_RUN_ID', 'r'],
    ['__proto__', 'a name like others'],
  ]);
});

test.each([
  ['/bin/bash', '/bin/bash'],
  [undefined, '/bin/sh'],
  ['', '/bin/sh'],
  ['bash', '/bin/sh'],
  ['/no/such/shell', '/bin/sh'],
  ['/usr/sbin/nologin', '/bin/sh'],
  ['/bin/false', '/bin/sh'],
])('SHELL=%s is run as %s', (shell, expected) => {
  expect(shellOf({ environment: { SHELL: shell } })).toBe(expected);
});

test('an engine gets what configures it and nothing else', () => {
  const environment = { DOCKER_HOST: 'x', HOME: '/root', XDG_RUNTIME_DIR: '/run/user/0', AWS_SECRET: 's' };
  expect(engineEnvironment({ environment })).toEqual({
    PATH: pathDefault,
    DOCKER_HOST: 'x',
    HOME: '/root',
    XDG_RUNTIME_DIR: '/run/user/0',
  });
});

test('names are resolved to all their addresses', async () => {
  const { resolve, keeper } = hostOf({ env: {}, cwd: '/' });
  expect(await resolve('localhost')).toEqual(expect.arrayContaining(['127.0.0.1']));
  await expect(resolve('no-such-name.invalid')).rejects.toMatchObject({
    code: expect.stringMatching(/ENOTFOUND|EAI_AGAIN/) as string,
  });
  keeper.close();
});
