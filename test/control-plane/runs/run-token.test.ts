// The token of a run: who gets one, what it is good for and how long, over a real store on either engine.
import { expect, test } from 'vitest';
import { endSession } from '../../../control-plane/agents/store.ts';
import type { Caller } from '../../../control-plane/authority/caller.ts';
import { entryOf } from '../../../control-plane/authority/change.ts';
import { stepsOnRevoke } from '../../../control-plane/runs/revoke.ts';
import { runTokenAuthenticator } from '../../../control-plane/runs/run-token.ts';
import { writeStatus } from '../../../control-plane/runs/write-status.ts';
import type { RunStatusWrite } from '../../../protocol/api/runs.ts';
import { verifyIntent } from '../../../protocol/intent.ts';
import { runEntriesMax, runEntriesPerMinuteMax } from '../../../protocol/limits.ts';
import { openInputs } from '../../../protocol/seal.ts';
import type { SealedInputs } from '../../../protocol/seal.ts';
import { permissions } from '../../../protocol/permissions.ts';
import { intentJwk, sealingPrivateKey, World } from './world.ts';
import type { FakeAgent, OperationSpec } from './world.ts';

interface Started {
  readonly world: World;
  readonly agent: FakeAgent;
  readonly run: string;
  readonly token: string;
}

async function offered(spec: Partial<OperationSpec> = {}): Promise<Started> {
  const world = await World.open();
  const group = await world.group('main');
  const action = await world.action('report', group);
  const agent = await world.agent('one', group, [{ operation: 'report', token: true, ...spec }]);
  await agent.connect();
  const { id: run } = await world.press(action);
  await world.runs.idle();
  return { world, agent, run, token: (await contentOf(agent)).token ?? '' };
}

async function running(spec: Partial<OperationSpec> = {}): Promise<Started> {
  const started = await offered(spec);
  await started.agent.wire.accept();
  return started;
}

async function contentOf(agent: FakeAgent): Promise<SealedInputs> {
  const offer = agent.wire.lastOffer();
  const intent = await verifyIntent(offer.intent, [intentJwk]);
  return openInputs(offer.inputs, () => sealingPrivateKey, {
    run: offer.run,
    attempt: offer.attempt,
    agent: intent.agent,
    digest: intent.definition_digest,
    notAfter: intent.not_after,
  });
}

async function callerOf({ world, token }: Pick<Started, 'world' | 'token'>): Promise<Caller> {
  const authenticate = runTokenAuthenticator({
    store: world.store,
    authority: world.authority,
    runAuthority: world.parts.authority,
  });
  const presented = { method: 'GET', authorization: `Bearer ${token}` };
  const nothing = { cookie: undefined, origin: undefined, host: undefined };
  const caller = await authenticate({ ...presented, ...nothing }, Date.now());
  if (caller === null) throw new Error('no token of a run was seen');
  return caller;
}

/** What the route does, once it was decided that it may. */
async function write(started: Started, body: Partial<RunStatusWrite> = {}) {
  const { world, run, token } = started;
  const caller = await callerOf(started);
  const decision = world.authority.decide(caller, 'wayside.run.report', caller.credential!.within!);
  expect(decision).toMatchObject({ allowed: true, reason: 'allowed' });
  const request = { id: 'r', ip: '::1', method: 'POST', url: '/', headers: {} } as never;
  return writeStatus(world.parts, {
    actor: { caller, entry: entryOf({ caller, decision, request }), guard: world.authority.guard(decision) },
    run,
    body: { message: 'on the way', values: {}, status: null, ...body },
    bearer: token,
  });
}

const ended = { code: 'run_token_ended' };

async function changed(world: World): Promise<void> {
  await world.sql('update organizations set policy_revision = policy_revision + 1');
  await world.authority.reload();
}

test('an action that asks for none costs nothing: no row, and inputs that travel as they are', async () => {
  const { world, agent } = await offered({ token: false });
  expect(agent.wire.lastOffer().inputs).toHaveProperty('clear');
  expect(await world.store.db.selectFrom('run_tokens').selectAll().execute()).toEqual([]);
});

test('a token comes sealed, and only its hash is stored', async () => {
  const { world, agent, run, token } = await offered();
  expect(token).toMatch(/^wsr_[A-Za-z0-9_-]{44}$/);
  expect(agent.wire.lastOffer().inputs).toHaveProperty('ciphertext');
  expect(JSON.stringify(agent.wire.received)).not.toContain(token);
  const rows = await world.store.db.selectFrom('run_tokens').selectAll().execute();
  expect(rows).toMatchObject([{ run, attempt: 1, used_at: null, entries: 0 }]);
  expect(JSON.stringify(rows)).not.toContain(token);
});

test('it is good from the accept to the end, and not a moment longer', async () => {
  const started = await offered();
  await expect(callerOf(started)).rejects.toMatchObject(ended);
  await started.agent.wire.accept();
  expect(await callerOf(started)).toMatchObject({
    principal: { id: started.run, kind: 'run', name: 'report#1' },
    actors: [{ kind: 'user' }],
    credential: { kind: 'run_token', elevated: false, within: { thing: `runs/${started.run}` } },
  });
  expect(await write(started)).toMatchObject({ run: started.run, attempt: 1 });
  await started.agent.wire.end('succeeded');
  await expect(write(started)).rejects.toMatchObject(ended);
});

test('it ends in the commit that ends the attempt, whoever was let in before', async () => {
  const started = await running();
  const { world, agent, run, token } = started;
  const caller = await callerOf(started);
  const decision = world.authority.decide(caller, 'wayside.run.report', caller.credential!.within!);
  const request = { id: 'r', ip: '::1', method: 'POST', url: '/', headers: {} } as never;
  const actor = {
    caller,
    entry: entryOf({ caller, decision, request }),
    guard: world.authority.guard(decision),
  };
  const late = () =>
    writeStatus(world.parts, { actor, run, body: { message: 'm', values: {}, status: null }, bearer: token });
  await late();
  await agent.wire.end('succeeded');
  await expect(late()).rejects.toMatchObject(ended);
  expect((await world.events(run)).filter(({ kind }) => kind === 'status')).toHaveLength(1);
});

test('nothing else is allowed to it, on its own run or anywhere', async () => {
  const started = await running();
  const { world } = started;
  const caller = await callerOf(started);
  const own = caller.credential!.within!;
  const other = { ...own, thing: 'runs/00000000-0000-7000-8000-000000000000' };
  const places = [own, other, { ...own, thing: null, above: [] }, { ...own, project: null, thing: null }];
  const allowed = places.flatMap((resource, at) =>
    permissions
      .filter((permission) => world.authority.decide(caller, permission, resource).allowed)
      .map((permission) => [at, permission]),
  );
  expect(allowed).toEqual([
    [0, 'wayside.run.read'],
    [0, 'wayside.run.report'],
  ]);
});

test('entries take their place among what the agent reports, and say where they come from', async () => {
  const started = await running();
  const { world, run } = started;
  const first = await write(started, { message: 'one', values: { n: 1 }, status: 'running' });
  const second = await write(started, { message: 'two' });
  expect(second.seq).toBe(first.seq + 1);
  const events = await world.events(run);
  expect(events.map(({ seq }) => seq)).toEqual(events.map((_event, at) => at + 1));
  expect(events.filter(({ kind }) => kind === 'status').map(({ data }) => data)).toEqual([
    { operation: '', message: 'one', values: { n: 1 }, status: 'running', origin: 'token' },
    { operation: '', message: 'two', values: {}, status: null, origin: 'token' },
  ]);
});

test('the first use is in the audit once, also where many are the first', async () => {
  const started = await running();
  await Promise.all([write(started), write(started), write(started)]);
  await write(started);
  expect(await started.world.audit('run.token.use')).toHaveLength(1);
});

test('an entry that holds the token is refused', async () => {
  const started = await running();
  const { token } = started;
  await expect(write(started, { message: `t=${token}` })).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(write(started, { values: { deep: [token] } })).rejects.toMatchObject({
    code: 'invalid_request',
  });
});

test('so many a minute, and so many in all', async () => {
  const started = await running();
  const { world } = started;
  await write(started);
  await world.sql('update run_tokens set minute_entries = ?', runEntriesPerMinuteMax);
  await expect(write(started)).rejects.toMatchObject({ code: 'too_many_requests' });
  await world.sql('update run_tokens set minute_at = minute_at - 60000');
  await write(started);
  await world.sql('update run_tokens set entries = ?', runEntriesMax);
  await expect(write(started)).rejects.toMatchObject({ code: 'limit_exceeded' });
});

test('it ends when whoever pressed may not start such a run any more', async () => {
  const started = await running();
  await callerOf(started);
  await started.world.sql('update principals set disabled_at = 1');
  await changed(started.world);
  await expect(callerOf(started)).rejects.toMatchObject(ended);
});

test('it ends with its agent', async () => {
  const started = await running();
  const { world, agent } = started;
  await world.write(
    ...stepsOnRevoke(world.parts, agent.id),
    endSession(world.store, { agentId: agent.id, session: agent.wire.session }),
  );
  await expect(callerOf(started)).rejects.toMatchObject(ended);
});

test('it ends by its own time where nothing else ends it', async () => {
  const started = await running();
  await started.world.sql('update run_tokens set expires_at = 1');
  await expect(callerOf(started)).rejects.toMatchObject(ended);
  await expect(write(started)).rejects.toMatchObject(ended);
});

test('a new attempt has its own, and the one before is gone', async () => {
  const started = await running({ idempotent: true });
  const { world, agent, run } = started;
  await agent.wire.end('interrupted');
  await agent.wire.give({ type: 'poll', slots: 1 });
  await world.runs.idle();
  expect(await world.state(run)).toBe('offered');
  await agent.wire.accept();
  const { token = '' } = await contentOf(agent);
  expect(token).not.toBe(started.token);
  await expect(callerOf(started)).rejects.toMatchObject(ended);
  expect((await callerOf({ world, token })).credential?.id).toBe(`${run}/2`);
});

test('what was never made is no token, and no one else is looked for', async () => {
  const { world } = await running();
  for (const token of [`wsr_${'A'.repeat(44)}`, 'wsr_', 'wsr_short']) {
    await expect(callerOf({ world, token })).rejects.toMatchObject({ code: 'invalid_token' });
  }
});

test('with its run a token is forgotten', async () => {
  const { world, agent, run } = await running();
  await agent.wire.end('succeeded');
  await world.sql('delete from runs where id = ?', run);
  expect(await world.store.db.selectFrom('run_tokens').selectAll().execute()).toEqual([]);
});
