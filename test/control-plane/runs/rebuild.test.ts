// Rules.md 12: a run that a restored database has lost is rebuilt from the server's own signed intent, as its agent
// shows it, and from nothing else.
import { randomUUIDv7 } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Failure } from '../../../protocol/failures.ts';
import type { AgentFrame } from '../../../protocol/frames.ts';
import { signIntentWith, verifyIntent } from '../../../protocol/intent.ts';
import type { Intent } from '../../../protocol/intent.ts';
import { lostAgentGraceMs, tombstoneMs } from '../../../protocol/limits.ts';
import { outcomeResults, runStates } from '../../../protocol/states.ts';
import { readRun } from '../../../control-plane/runs/read.ts';
import { decideShown } from '../../../control-plane/runs/rebuild-decide.ts';
import type { RunFacts } from '../../../control-plane/runs/contract.ts';
import { intentJwk, outcome, output, World } from './world.ts';
import type { FakeAgent } from './world.ts';

type Shown = Extract<AgentFrame, { type: 'shown' }>;

interface Lost {
  readonly world: World;
  readonly agent: FakeAgent;
  readonly run: string;
  readonly intent: string;
  readonly before: string;
}

/** A run that was accepted, then lost with everything that a restore of an older backup takes. */
async function lostRun(options: { readonly keep?: string } = {}): Promise<Lost> {
  const world = await World.open();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const agent = await world.agent(
    'one',
    group,
    [{ operation: 'deploy', idempotent: true, timeoutMs: 77_000 }],
    2,
  );
  await agent.connect();
  const { id: run } = await world.press(action, { reason: 'because' });
  await world.runs.idle();
  await agent.wire.accept();
  const { intent } = agent.wire.lastOffer();
  const before = world.store.incarnation;
  await restore(world, run, options.keep);
  return { world, agent, run, intent, before };
}

async function restore(world: World, run: string, keep?: string): Promise<void> {
  await world.sql(
    `insert into store_incarnations (incarnation, epoch, reason, backup_at, ended_at) values (?, 1, 'restore', 0, ?)`,
    world.store.incarnation,
    world.now,
  );
  await world.sql('delete from run_events where run = ?', run);
  await world.sql(
    keep === undefined ? 'delete from runs where id = ?' : `update runs set ${keep} where id = ?`,
    run,
  );
  await world.sql(`update store_meta set value = ? where name = 'incarnation'`, randomUUIDv7());
  await world.reopen();
}

function shown({ run, intent }: Pick<Lost, 'run' | 'intent'>, fields: Partial<Shown> = {}): Shown {
  return {
    type: 'shown',
    run,
    attempt: 1,
    intent,
    state: 'begun',
    acked_seq: 0,
    begun_at: 5,
    ended_at: null,
    outcome: null,
    ...fields,
  };
}

describe('rule 12: an agent that shows its signed intent gets its row rebuilt', () => {
  it('is asked for past runs that are lost, and for no others', async () => {
    const { world, agent, run } = await lostRun();
    expect((await world.parts.lives()).asked).toHaveLength(1);
    await agent.connect();
    const kept = await world.press(await world.action('other', agent.group, { operation: 'deploy' }));
    await agent.wire.give({
      type: 'past',
      runs: [
        { run, attempt: 1 },
        { run: kept.id, attempt: 1 },
      ],
    });
    expect(agent.wire.received.at(-1)).toEqual({ type: 'show', runs: [{ run, attempt: 1 }] });
  });

  it('what goes on is running again, marked and audited, and its reports and its end are taken as ever', async () => {
    const lost = await lostRun();
    const { world, agent, run, before } = lost;
    const { runs } = await agent.connect().then((connection) => ({ runs: connection.welcomed }));
    expect(runs).toEqual([]);
    await agent.wire.give(shown(lost, { acked_seq: 3 }));
    expect(agent.wire.received.at(-1)).toEqual({ type: 'rebuilt', run, attempt: 1, have_seq: 3 });
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'running',
      attempt: 1,
      sequence: 2,
      action: { name: 'deploy' },
      group: { name: 'prod' },
      agent: { name: 'one' },
      requested_by: { name: 'owner' },
      reason: null,
      inputs: {},
      started_at: 5,
      rebuilt: { at: world.now, missing: ['inputs', 'reason', 'output'] },
    });
    expect(await world.facts(run)).toMatchObject({ timeout_ms: 77_000, idempotent: 0 });
    const [audited] = await world.audit('run.rebuild');
    expect(audited).toMatchObject({ result: 'allowed', resource: `projects/${world.project}/runs/${run}` });
    expect(audited?.details).toContain(before);
    await agent.wire.give(shown(lost, { acked_seq: 3 }));
    expect(await world.audit('run.rebuild'), 'shown again, it changes nothing').toHaveLength(1);

    await agent.wire.give(output({ run, attempt: 1 }, 4));
    await agent.wire.end('succeeded', {}, 4, { run, attempt: 1 });
    expect(await world.states(run)).toEqual(['running', 'succeeded']);
    const events = await world.events(run);
    expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect((await world.facts(run)).last_event).toBe(3);
  });

  it('takes a slot of its agent, and nothing is dispatched before the agents have had their time', async () => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    const action = await world.action('again', agent.group, { operation: 'deploy' });
    await agent.connect({ slots: 2 });
    await agent.wire.give(shown(lost));
    for (let count = 0; count < 2; count += 1) await world.press(action);
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
    world.now += lostAgentGraceMs;
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.offers(), 'one of its two slots is taken').toHaveLength(1);
    expect(await world.state(run)).toBe('running');
    await world.reopen();
    expect(world.parts.isHeld(), 'that is settled').toBe(false);
  });

  it('what is over gets its verdict from the compact log', async () => {
    for (const [result, state] of [
      ['succeeded', 'succeeded'],
      ['failed', 'failed'],
      ['interrupted', 'indeterminate'],
    ] as const) {
      const lost = await lostRun();
      const { world, agent, run } = lost;
      await agent.connect();
      const over = outcome(result, { code: 'exit_status', message: 'it ended', exit_code: 3 });
      await agent.wire.give(shown(lost, { state: 'ended', ended_at: 9, acked_seq: 2, outcome: over }));
      expect(agent.wire.received.at(-1)).toMatchObject({ type: 'ack', run, ended: true });
      expect(await readRun(world.parts, run)).toMatchObject({
        state,
        outcome: { result, exit_code: 3 },
        ended_at: 9,
        rebuilt: { missing: ['inputs', 'reason', 'output', 'details'] },
      });
      expect(await world.states(run), 'an idempotent one is not tried again: its inputs are lost').toEqual([
        state,
      ]);
    }
  });

  it('what was accepted and never begun is not begun now: nobody knows who had it next', async () => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    await agent.connect();
    await agent.wire.give(shown(lost, { state: 'accepted', begun_at: null }));
    expect(agent.wire.received.at(-1)).toEqual({ type: 'stale', run, attempt: 1 });
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'indeterminate',
      failure: { code: 'store_rolled_back' },
    });
    const second = { run, intent: await resigned(lost.intent, { attempt: 2 }) };
    await agent.wire.give(shown(second, { attempt: 2, state: 'ended', outcome: outcome('succeeded') }));
    expect(await readRun(world.parts, run), 'a later attempt knows more').toMatchObject({
      state: 'succeeded',
      attempt: 2,
      failure: null,
    });
  });

  it('a row that is older than what became of it is brought to the truth', async () => {
    const queued = `state = 'queued', attempt = 0, agent = null, agent_session = null, agent_incarnation = null,
      started_at = null, offered_at = null, last_event = 1`;
    const going = await lostRun({ keep: queued });
    await going.agent.connect();
    await going.agent.wire.give({ type: 'past', runs: [{ run: going.run, attempt: 1 }] });
    expect(going.agent.wire.received.at(-1)).toMatchObject({ type: 'show', runs: [{ run: going.run }] });
    await going.agent.wire.give(shown(going));
    expect(await readRun(going.world.parts, going.run)).toMatchObject({
      state: 'running',
      attempt: 1,
      reason: 'because',
      rebuilt: { missing: [] },
    });
    await going.agent.wire.end('succeeded', {}, 0, { run: going.run, attempt: 1 });
    expect(await going.world.state(going.run)).toBe('succeeded');

    const late = await lostRun({ keep: queued });
    late.world.now += lostAgentGraceMs;
    await late.world.runs.sweep();
    expect(await late.world.state(late.run)).toBe('indeterminate');
    await late.agent.connect();
    await late.agent.wire.give(shown(late));
    expect(late.agent.wire.received.at(-1)).toMatchObject({ type: 'rebuilt' });
    await late.agent.wire.end('failed', {}, 0, { run: late.run, attempt: 1 });
    expect(await readRun(late.world.parts, late.run), 'late evidence settles it').toMatchObject({
      state: 'failed',
      attempt: 1,
    });
  });

  it('a run that the row still calls running gets its verdict from the log of its agent', async () => {
    const { world, agent, run, intent } = await lostRun({ keep: `last_event = last_event` });
    await agent.connect();
    expect(await world.state(run), 'unnamed, but it may still be shown').toBe('running');
    await agent.wire.give(shown({ run, intent }, { state: 'ended', outcome: outcome('succeeded') }));
    expect(await world.state(run)).toBe('succeeded');
  });

  it('output that was stored and is lost is said to be missing, and what comes after it is kept', async () => {
    const { world, agent, run } = await lostRun({ keep: `last_event = 3` });
    const inHand = { run, attempt: 1, state: 'begun' as const, last_seq: 6, acked_seq: 5 };
    const connection = await agent.connect({ runs: [inHand] });
    expect(connection.welcomed).toEqual([{ run, attempt: 1, have_seq: 5, known: true }]);
    await connection.give(output({ run, attempt: 1 }, 6));
    await connection.end('succeeded', {}, 6, { run, attempt: 1 });
    expect(await world.state(run)).toBe('succeeded');
    const texts = (await world.events(run)).flatMap(({ kind, data }) =>
      kind === 'output' ? [Buffer.from(String(data['bytes']), 'base64').toString()] : [],
    );
    expect(texts).toEqual([
      'wayside: reports 1 to 5 were lost with the data that a restore replaced\n',
      'line 6\n',
    ]);
  });

  it('a crash right after the hello leaves no gap that nothing could ever close', async () => {
    const { world, agent, run } = await lostRun({ keep: `last_event = 3` });
    const inHand = { run, attempt: 1, state: 'begun' as const, last_seq: 6, acked_seq: 5 };
    const { write } = world.store;
    let units = 0;
    const unitsOfConnect = 2;
    Object.assign(world.store, {
      write: (unit: Parameters<typeof write>[0]) => {
        units += 1;
        if (units <= unitsOfConnect + 1) return write(unit);
        return Promise.reject(new Failure('store_unavailable', 'The process is gone.'));
      },
    });
    await agent.connect({ runs: [inHand], slots: null }).catch(() => undefined);
    expect(units, 'the hello has written something').toBeGreaterThan(unitsOfConnect);
    await world.reopen();
    const connection = await agent.connect({ runs: [inHand] });
    expect(connection.welcomed).toEqual([{ run, attempt: 1, have_seq: 5, known: true }]);
    await connection.give(output({ run, attempt: 1 }, 6));
    await connection.end('succeeded', {}, 6, { run, attempt: 1 });
    expect(connection.closed).toBeNull();
    expect(await world.state(run)).toBe('succeeded');
  });

  it('two agents that show two attempts of it at once get one row, of the later one', async () => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    const other = await world.agent('two', agent.group, [{ operation: 'deploy' }]);
    const second = await resigned(lost.intent, { agent: other.id, attempt: 2 });
    await Promise.all([agent.connect(), other.connect()]);
    await Promise.all([
      agent.wire.give(shown(lost, { state: 'accepted', begun_at: null })),
      other.wire.give(shown({ run, intent: second }, { attempt: 2 })),
    ]);
    expect([agent.wire.closed, other.wire.closed]).toEqual([null, null]);
    expect(agent.wire.received.at(-1)).toMatchObject({ type: 'stale' });
    expect(other.wire.received.at(-1)).toMatchObject({ type: 'rebuilt' });
    expect(await readRun(world.parts, run)).toMatchObject({ attempt: 2, agent: { name: 'two' } });
    await other.wire.end('succeeded', {}, 0, { run, attempt: 2 });
    expect(await world.state(run)).toBe('succeeded');
  });

  it('an agent whose run goes on at another one gets its slot back', async () => {
    const lost = await lostRun({ keep: `last_event = last_event` });
    const { world, agent, run } = lost;
    const other = await world.agent('two', agent.group, [{ operation: 'deploy' }]);
    const second = await resigned(lost.intent, { agent: other.id, attempt: 2 });
    await Promise.all([agent.connect(), other.connect()]);
    expect(world.parts.seats.of(agent.wire)?.held.size).toBe(1);
    await other.wire.give(shown({ run, intent: second }, { attempt: 2 }));
    expect(await readRun(world.parts, run)).toMatchObject({ state: 'running', agent: { name: 'two' } });
    expect(world.parts.seats.of(agent.wire)?.held.size).toBe(0);
    expect(world.parts.seats.of(other.wire)?.held.size).toBe(1);
  });

  it('a clock of an agent that is ahead makes no row that retention would never reach', async () => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    await agent.connect();
    const ahead = world.now + 1e12;
    const over = outcome('succeeded');
    await agent.wire.give(shown(lost, { state: 'ended', begun_at: ahead, ended_at: ahead, outcome: over }));
    expect(await readRun(world.parts, run)).toMatchObject({ started_at: world.now, ended_at: world.now });
  });

  it('what is older than tombstones live may have been pruned, and does not come back', async () => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    await agent.connect();
    const old = await resigned(lost.intent, { issued_at: world.now - tombstoneMs });
    await agent.wire.give(shown({ run, intent: old }, { state: 'ended', outcome: outcome('succeeded') }));
    expect(agent.wire.received.at(-1)).toEqual({ type: 'stale', run, attempt: 1 });
    await expect(readRun(world.parts, run)).rejects.toMatchObject({ code: 'not_found' });
    const young = await resigned(lost.intent, { issued_at: world.now - tombstoneMs + 1 });
    await agent.wire.give(shown({ run, intent: young }, { state: 'ended', outcome: outcome('succeeded') }));
    expect(await world.state(run)).toBe('succeeded');
  });

  it('of a group that is gone too there is no row, but the record tells of it', async () => {
    const lost = await lostRun();
    const { world, agent } = lost;
    await agent.connect();
    const elsewhere = { run: lost.run, intent: await resigned(lost.intent, { group: 'unknown' }) };
    await agent.wire.give(shown(elsewhere, { state: 'ended', outcome: outcome('succeeded') }));
    expect(agent.wire.received.at(-1)).toMatchObject({ type: 'stale' });
    const [audited] = await world.audit('run.rebuild');
    expect(audited).toMatchObject({ result: 'failed' });
    expect(audited?.details).toContain('group_gone');
  });
});

/** Signed with the key of the test's world: what only the control plane itself could have made. */
async function resigned(jws: string, fields: Partial<Intent>): Promise<string> {
  const intent = await verifyIntent(jws, [intentJwk]);
  return signIntentWith({ ...intent, ...fields }, World.intentKey());
}

describe('an intent that proves nothing', () => {
  it.each([
    [
      'of this life of the store',
      'intent_is_current',
      (lost: Lost) => ({ store_incarnation: lost.world.store.incarnation }),
    ],
    ['of a store that this one never was', 'unknown_store', () => ({ store_incarnation: randomUUIDv7() })],
    ['of another agent', 'wrong_audience', () => ({ agent: randomUUIDv7() })],
    ['of another run', 'wrong_audience', () => ({ run: randomUUIDv7() })],
    ['of another attempt', 'wrong_audience', () => ({ attempt: 2 })],
    ['of another project', 'wrong_audience', () => ({ project: randomUUIDv7() })],
  ] as const)('%s makes no row, is audited, and ends the connection', async (_name, reason, fields) => {
    const lost = await lostRun();
    const { world, agent, run } = lost;
    await agent.connect();
    await agent.wire.give(shown({ run, intent: await resigned(lost.intent, fields(lost)) }));
    expect(agent.wire.closed).toBe('not_your_run');
    await expect(readRun(world.parts, run)).rejects.toMatchObject({ code: 'not_found' });
    const [audited] = await world.audit('run.rebuild');
    expect(audited).toMatchObject({ result: 'denied' });
    expect(audited?.details).toContain(reason);
  });

  it('signed by somebody else, or by nobody, is refused in the same way', async () => {
    const lost = await lostRun();
    const [header = '', payload = ''] = lost.intent.split('.');
    for (const intent of ['', `${header}.${payload}.`, `${header}.${payload}.${'A'.repeat(86)}`]) {
      await lost.agent.connect();
      await lost.agent.wire.give(shown({ run: lost.run, intent }));
      expect(lost.agent.wire.closed).toBe('not_your_run');
    }
    expect(await lost.world.audit('run.rebuild')).toHaveLength(3);
  });
});

it('every state that a row can have leads somewhere, whatever is shown', async () => {
  const lost = await lostRun();
  const intent = await verifyIntent(lost.intent, [intentJwk]);
  const row = { agent: intent.agent, store_incarnation: lost.before, settled: 0 } as unknown as RunFacts;
  const seen = new Set<string>();
  for (const state of runStates) {
    for (const attempt of [0, 1, 2]) {
      for (const agent of [intent.agent, null]) {
        for (const result of [null, ...outcomeResults]) {
          for (const phase of ['accepted', 'begun', 'ended'] as const) {
            const decision = decideShown({
              shown: shown(lost, { state: phase, outcome: result === null ? null : outcome(result) }),
              intent,
              agent: { id: intent.agent, organization: intent.organization, project: intent.project },
              store: lost.world.store.incarnation,
              earlier: new Set([lost.before]),
              row: { ...row, state, attempt, agent },
              isPruned: false,
              now: lost.world.now,
            });
            seen.add(decision.kind);
            if (attempt === 2) expect(decision.kind).toBe('stale');
            if (decision.kind === 'advance')
              expect(['queued', 'offered', 'expired', 'refused']).not.toContain(decision.to);
          }
        }
      }
    }
  }
  expect([...seen].sort()).toEqual(['advance', 'end', 'known', 'stale']);
});
