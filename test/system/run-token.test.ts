// A run reports about itself with its own token: the real command line and a request of the agent, against a real control
// plane. The token is good for that attempt of that run alone, ends with it, and is found nowhere.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { RunEvent } from '../../protocol/api/runs.ts';
import { callApi } from '../support/server.ts';
import type { ApiAnswer } from '../support/server.ts';
import { filesBelow, found, needlesOf } from '../support/secret-hunt.ts';
import { shell, System, until } from '../support/system.ts';
import type { AgentProcess } from '../support/system.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const root = join(import.meta.dirname, '../..');

let system: System;
let agent: AgentProcess;
/** Outside of every folder that is searched. */
let gate: string;

beforeAll(async () => {
  system = await System.open({ groups: ['prod'], options: { 'log-level': 'trace' } });
  const bin = join(system.folder, 'bin');
  gate = join(system.folder, 'gate');
  mkdirSync(bin);
  mkdirSync(gate);
  const wayside = join(bin, 'wayside');
  writeFileSync(wayside, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'cli/main.ts')}" "$@"\n`);
  chmodSync(wayside, 0o755);
  const example = readFileSync(join(root, 'examples/hcl/run-token.hcl'), 'utf8');
  agent = await system.startAgent('reporter', {
    hcl: {
      'settings.hcl': settings(),
      'example.hcl': example.replaceAll('127.0.0.1:7400', new URL(system.url).host),
      'held.hcl': heldActions(),
    },
    groups: ['prod'],
    environment: { PATH: `${bin}:${process.env['PATH'] ?? ''}` },
    args: ['--log-level', 'debug'],
  });
  await system.publish('prod');
});

afterAll(async () => {
  await system[Symbol.asyncDispose]();
});

/** The address of the API, and the word that loopback needs. */
function settings(): string {
  return `agent {
    api {
      url = "${system.url}"
    }
    network {
      allow = ["${new URL(system.url).host}"]
    }
  }`;
}

/** Shows its token to the test, prints it in every way, and goes on until the test lets it. */
function heldActions(): string {
  const hold = `
    printf %s "$WAYSIDE_TOKEN" > ${gate}/$WAYSIDE_RUN_ID.part
    mv ${gate}/$WAYSIDE_RUN_ID.part ${gate}/$WAYSIDE_RUN_ID.token
    echo "token $WAYSIDE_TOKEN"; printf %s "$WAYSIDE_TOKEN" | base64 -w 0; echo
    while [ ! -e ${gate}/$WAYSIDE_RUN_ID.go ]; do sleep 0.05; done`;
  return `group "prod" {
    action "hold" {
      token = true
      run {
        ${shell(hold)}
      }
    }
    action "again" {
      token      = true
      idempotent = true
      run {
        ${shell(hold)}
      }
    }
    action "bare" {
      run {
        ${shell('echo "token=${WAYSIDE_TOKEN:-none} url=${WAYSIDE_URL:-none}"')}
      }
    }
  }`;
}

async function shown(run: string): Promise<string> {
  return until(`${run} shows its token`, () => {
    try {
      return readFileSync(join(gate, `${run}.token`), 'utf8');
    } catch {
      return null;
    }
  });
}

function letGo(run: string): void {
  writeFileSync(join(gate, `${run}.go`), '');
}

async function write(
  token: string,
  run: string,
  body: unknown,
): Promise<ApiAnswer<{ seq: number; code: string }>> {
  return callApi({ url: system.url, token, method: 'POST', path: `/v1/runs/${run}/status`, body });
}

function entries(events: readonly RunEvent[]) {
  return events.flatMap((event) =>
    event.kind === 'status' ? [{ message: event.message, origin: event.origin, values: event.values }] : [],
  );
}

test('the example runs: a command and a request write entries of their own run', async () => {
  const run = await system.press('copy', { inputs: { tables: ['users', 'orders'] } });
  const ended = await system.ended(run.id);
  expect(ended.outcome).toMatchObject({ result: 'succeeded' });
  expect(entries(await system.events(run.id))).toEqual([
    { message: 'begun', origin: 'token', values: { tables: 2 } },
    { message: 'copied users, orders', origin: 'token', values: { tables: ['users', 'orders'] } },
  ]);
  const seqs = (await system.events(run.id)).map(({ seq }) => seq);
  expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
});

test('an action that asks for no token gets none', async () => {
  const run = await system.press('bare');
  await system.reached(run.id, ['succeeded']);
  expect(await system.output(run.id)).toBe('token=none url=none\n');
});

test('a token is good for its own run while that goes on, is masked, and is nowhere afterwards', async () => {
  const [run, other] = [await system.press('hold'), await system.press('hold')];
  const [token, foreign] = [await shown(run.id), await shown(other.id)];
  expect(token).toMatch(/^wsr_/);

  expect(await write(token, run.id, { message: 'half of it' })).toMatchObject({ status: 201 });
  expect(await write(foreign, run.id, { message: 'not mine' })).toMatchObject({ status: 404 });
  expect(await write(system.token, run.id, { message: 'an owner' })).toMatchObject({ status: 403 });
  expect(await write(token, run.id, { message: `it is ${token}` })).toMatchObject({
    status: 400,
    body: { code: 'invalid_request' },
  });
  const own = await callApi<{ id: string }>({
    url: system.url,
    token,
    method: 'GET',
    path: `/v1/runs/${run.id}`,
  });
  expect(own).toMatchObject({ status: 200, body: { id: run.id } });

  letGo(run.id);
  await system.reached(run.id, ['succeeded']);
  expect(await write(token, run.id, { message: 'late' })).toMatchObject({
    status: 401,
    body: { code: 'run_token_ended' },
  });
  letGo(other.id);
  await system.reached(other.id, ['succeeded']);

  const audit = await system.ask<{ items: readonly { operation: string; resource: string }[] }>(
    'GET',
    '/v1/audit?operation=run.token.use&limit=100',
  );
  const uses = audit.items.filter(({ resource }) => resource.endsWith(run.id));
  expect(uses).toMatchObject([
    { principal: { id: run.id, kind: 'run' }, actors: [{ kind: 'user' }], permission: 'wayside.run.report' },
  ]);

  const needles = needlesOf({ token, foreign });
  const places = [
    ...filesBelow(system.dataFolder),
    ...filesBelow(join(agent.stateFolder, '..')),
    { path: 'the log of the control plane', bytes: Buffer.from(system.log() + system.server.stdout()) },
    { path: 'the log of the agent', bytes: Buffer.from(agent.stdout() + agent.stderr()) },
    { path: 'the events', bytes: Buffer.from(JSON.stringify(await system.events(run.id))) },
    { path: 'the output', bytes: Buffer.from(await system.output(run.id)) },
  ];
  // What is not secret is found there, or the search means nothing.
  const marks = needlesOf({ run: run.id });
  expect(
    places.some(({ path, bytes }) => path.startsWith(system.dataFolder) && found(marks, bytes).length > 0),
  ).toBe(true);
  expect(await system.output(run.id)).toContain('token ');
  for (const { path, bytes } of places) expect([path, ...found(needles, bytes)]).toEqual([path]);
});

test('a new attempt has a token of its own, and that of the attempt before is gone', async () => {
  const run = await system.press('again');
  const first = await shown(run.id);
  expect(await write(first, run.id, { message: 'first' })).toMatchObject({ status: 201 });
  await agent.kill('SIGKILL');
  const path = join(gate, `${run.id}.token`);
  writeFileSync(path, '');
  agent = await system.startAgent('reporter', {
    hcl: { 'held.hcl': heldActions() },
    groups: ['prod'],
    environment: { PATH: process.env['PATH'] ?? '' },
  });
  const second = await until('the next attempt shows its token', () => {
    const text = readFileSync(path, 'utf8');
    return text === '' || text === first ? null : text;
  });
  expect((await system.run(run.id)).attempt).toBe(2);
  expect(await write(first, run.id, { message: 'stale' })).toMatchObject({
    status: 401,
    body: { code: 'run_token_ended' },
  });
  expect(await write(second, run.id, { message: 'second' })).toMatchObject({ status: 201 });
  letGo(run.id);
  await system.reached(run.id, ['succeeded']);
  expect(entries(await system.events(run.id)).map(({ message }) => message)).toEqual(['first', 'second']);
});
