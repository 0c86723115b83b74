// The rules of safety that the server keeps (rules.md), one test or more for each, by number.
import { describe, expect, it } from 'vitest';
import { randomUUIDv7 } from 'node:crypto';
import { lapsedAttemptsMax, leaseMs, lostAgentGraceMs } from '../../../protocol/limits.ts';
import { verifyIntent } from '../../../protocol/intent.ts';
import { openInputs } from '../../../protocol/seal.ts';
import { cancelRun } from '../../../control-plane/runs/cancel.ts';
import { pruneRuns } from '../../../control-plane/runs/prune.ts';
import { readRun } from '../../../control-plane/runs/read.ts';
import { releaseRun } from '../../../control-plane/runs/release.ts';
import { runsOfAgent } from '../../../control-plane/runs/revoke.ts';
import { revoke } from '../../../control-plane/agents/store.ts';
import { digestOf, intentJwk, outcome, output, sealingPrivateKey, status, World } from './world.ts';
import type { FakeAgent, OperationSpec } from './world.ts';

async function oneAgent(spec: Partial<OperationSpec> = {}, concurrency = 1) {
  const world = await World.open();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const agent = await world.agent('one', group, [{ operation: 'deploy', ...spec }], concurrency);
  return { world, group, action, agent };
}

/** A run that is running at the agent. */
async function running(spec: Partial<OperationSpec> = {}) {
  const made = await oneAgent(spec);
  await made.agent.connect();
  const run = await made.world.press(made.action);
  await made.world.runs.idle();
  await made.agent.wire.accept();
  return { ...made, run: run.id, offer: made.agent.wire.lastOffer() };
}

async function twoAgents(spec: Partial<OperationSpec> = {}) {
  const made = await oneAgent(spec);
  const other = await made.world.agent('two', made.group, [{ operation: 'deploy', ...spec }]);
  return { ...made, other };
}

/** Rests between two pieces are over at once. */
function pruning(world: World) {
  const after = (_ms: number, wake: () => void) => {
    setImmediate(wake);
    return () => undefined;
  };
  return { store: world.store, clock: { now: () => world.now, after } };
}

function cancel(world: World, run: string) {
  return cancelRun(world.parts, { actor: world.actor('wayside.run.cancel'), run, reason: null });
}

describe('rule 1: the session number', () => {
  it('a frame of an older session changes nothing, and its connection ends', async () => {
    const { world, agent, run, offer } = await running();
    const older = agent.wire;
    await agent.connect({ runs: [{ run, attempt: 1, state: 'begun', last_seq: 0 }] });
    await older.give({ type: 'end', run, attempt: 1, last_seq: 0, outcome: outcome('failed') });
    expect(await world.state(run)).toBe('running');
    expect(older.closed).toBe('session_replaced');
    await agent.wire.end('succeeded', {}, 0, offer);
    expect(await world.state(run)).toBe('succeeded');
  });

  it('a hello that was overtaken by a newer session requeues nothing', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    await agent.wire.accept();
    // The stuck hello of an older session knows nothing of the run.
    const stuck = agent.connect({ runs: [] });
    await world.sql('update agents set session = session + 1 where id = ?', agent.id);
    await expect(stuck).rejects.toMatchObject({ guard: 'session' });
    expect(await world.state(run.id)).toBe('running');
  });
});

describe('rule 2: no offer before hello is reconciled', () => {
  it('offers wait for the welcome and for granted slots', async () => {
    const { world, agent, action } = await oneAgent();
    await world.press(action);
    const connection = await agent.connect({ slots: null });
    expect(connection.offers()).toHaveLength(0);
    await connection.give({ type: 'poll', slots: 1 });
    expect(connection.offers()).toHaveLength(1);
  });

  it('never more offers than slots were granted, whatever else arrives', async () => {
    const { world, agent, action } = await oneAgent({}, 3);
    await agent.connect({ slots: 2 });
    for (let count = 0; count < 5; count += 1) await world.press(action);
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(2);
    await agent.wire.give({ type: 'poll', slots: 3 });
    expect(agent.wire.offers(), 'three at once is its concurrency').toHaveLength(3);
  });
});

describe('rule 3: go only to the process that accepted', () => {
  it('go names the incarnation that accept named', async () => {
    const { agent } = await running();
    expect(agent.wire.ofType('go')).toEqual([
      { type: 'go', run: agent.wire.lastOffer().run, attempt: 1, incarnation: agent.incarnation },
    ]);
  });

  it('a run that is running but unknown to its agent becomes indeterminate, never queued', async () => {
    const { world, agent, run } = await running({ idempotent: true });
    await agent.connect({ runs: [], incarnation: randomUUIDv7() });
    expect(await world.state(run)).toBe('indeterminate');
    expect((await readRun(world.parts, run)).failure?.code).toBe('agent_interrupted');
  });

  it('the next process of the agent that inherited an unbegun run gets a go of its own, in the same attempt', async () => {
    const { world, agent, run, offer } = await running();
    const connection = await agent.connect({
      runs: [{ run, attempt: 1, state: 'accepted', last_seq: 0 }],
      incarnation: randomUUIDv7(),
    });
    await connection.accept(offer);
    expect(connection.ofType('go')).toMatchObject([{ attempt: 1, incarnation: agent.incarnation }]);
    expect((await world.facts(run)).agent_incarnation).toBe(agent.incarnation);
  });
});

describe('rule 4: what accept answers, and when', () => {
  it('accept is idempotent: the second one is answered with go and changes nothing', async () => {
    const { world, agent, run } = await running();
    await agent.wire.accept();
    expect(agent.wire.ofType('go')).toHaveLength(2);
    expect(await world.states(run)).toEqual(['queued', 'offered', 'running']);
  });

  it('a lower attempt is stale', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    const first = agent.wire.lastOffer();
    await agent.wire.give({ type: 'poll', slots: 1 });
    world.now += leaseMs + 1;
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.lastOffer()).toMatchObject({ run: run.id, attempt: 2 });
    await agent.wire.accept(first);
    expect(agent.wire.received.at(-1)).toEqual({ type: 'stale', run: run.id, attempt: 1 });
    expect(await world.state(run.id)).toBe('offered');
  });

  it('what was taken back is stale, and what nobody knows', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    world.now += leaseMs + 1;
    await world.runs.sweep();
    await agent.wire.accept();
    expect(agent.wire.received.at(-1)).toEqual({ type: 'stale', run: run.id, attempt: 1 });
    const nothing = { run: randomUUIDv7(), attempt: 1 };
    await agent.wire.accept(nothing);
    expect(agent.wire.received.at(-1)).toEqual({ type: 'stale', ...nothing });
    expect(agent.wire.closed).toBeNull();
  });

  it('after a commit whose outcome is unknown the row is read, and then the answer is given', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    let lost = 0;
    world.losesAnswer = (unit) => unit.some(({ guard }) => guard?.name === 'session') && (lost += 1) === 1;
    await agent.wire.accept();
    expect(lost).toBe(1);
    expect(agent.wire.ofType('go'), 'one go').toHaveLength(1);
    expect(await world.states(run.id)).toEqual(['queued', 'offered', 'running']);
    lost = 0;
    await agent.wire.end('succeeded');
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ ended: true });
    expect(await world.states(run.id)).toEqual(['queued', 'offered', 'running', 'succeeded']);
  });

  it('a request whose commit has an unknown outcome is answered from the row', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    world.losesAnswer = () => true;
    const run = await world.press(action);
    world.losesAnswer = null;
    expect(agent.wire.offers(), 'the offer is not sent on a guess').toHaveLength(0);
    world.now += leaseMs + 1;
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.lastOffer()).toMatchObject({ run: run.id, attempt: 2 });
  });

  it('no go before its commit: a process that dies in between has told nobody', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    const connection = agent.wire;
    const reached = new Promise<void>((resolve) => {
      world.faultPoint = (point) => {
        if (point !== 'before-accept-commit') return;
        resolve();
        return new Promise<void>(() => undefined);
      };
    });
    await world.runs.channel.frame(connection, {
      type: 'accept',
      run: run.id,
      attempt: 1,
      incarnation: agent.incarnation,
    });
    await reached;
    await world.crash();
    expect(connection.ofType('go')).toHaveLength(0);
    expect(await world.state(run.id)).toBe('offered');
  });
});

describe('rule 5: a frame about a run of another agent', () => {
  const frames = {
    accept: (run: string, attempt: number) => ({
      type: 'accept' as const,
      run,
      attempt,
      incarnation: randomUUIDv7(),
    }),
    refuse: (run: string, attempt: number) => ({
      type: 'refuse' as const,
      run,
      attempt,
      code: 'busy',
      message: '',
    }),
    output: (run: string, attempt: number) => output({ run, attempt }, 1),
    status: (run: string, attempt: number) => status({ run, attempt }, 1),
    progress: (run: string, attempt: number) => ({
      type: 'progress' as const,
      run,
      attempt,
      seq: 1,
      operation: 'op',
      kind: 'run' as const,
      state: 'begun' as const,
    }),
    end: (run: string, attempt: number) => ({
      type: 'end' as const,
      run,
      attempt,
      last_seq: 0,
      outcome: outcome('succeeded'),
    }),
  };
  it.each(Object.entries(frames))(
    '%s ends the connection, is audited, and changes nothing',
    async (_, frame) => {
      const { world, agent, other, action } = await twoAgents();
      await agent.connect();
      const run = await world.press(action);
      await world.runs.idle();
      await agent.wire.accept();
      for (const attempt of [1, 2]) {
        const before = await world.facts(run.id);
        const stranger = await other.connect();
        await stranger.give(frame(run.id, attempt));
        expect(stranger.closed).toBe('not_your_run');
        expect(await world.facts(run.id)).toEqual(before);
      }
      expect((await world.audit('run.report')).map(({ result }) => result)).toEqual(['denied', 'denied']);
    },
  );
});

describe('rule 6: only the server makes a new attempt', () => {
  it('an interrupted run of an idempotent action is queued again, under a higher attempt', async () => {
    const { world, agent, run } = await running({ idempotent: true });
    await agent.wire.give({ type: 'poll', slots: 1 });
    await agent.wire.end('interrupted');
    await world.runs.idle();
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ attempt: 1, ended: true });
    expect(agent.wire.lastOffer()).toMatchObject({ run, attempt: 2 });
    expect(await world.states(run)).toEqual(['queued', 'offered', 'running', 'queued', 'offered']);
  });

  it('of any other action it is indeterminate', async () => {
    const { world, agent, run } = await running({ idempotent: false });
    await agent.wire.end('interrupted');
    expect(await world.state(run)).toBe('indeterminate');
  });

  it('not if a later run of the action has started', async () => {
    const { world, agent, other, action } = await twoAgents({ idempotent: true });
    await agent.connect();
    const first = await world.press(action);
    await world.runs.idle();
    await agent.wire.accept();
    await other.connect();
    await world.press(action);
    await world.runs.idle();
    await other.wire.accept();
    await agent.wire.end('interrupted');
    expect(await world.state(first.id)).toBe('indeterminate');
  });

  it('not if somebody asked to cancel it', async () => {
    const { world, agent, run } = await running({ idempotent: true });
    await cancel(world, run);
    await agent.wire.end('interrupted');
    expect(await world.state(run)).toBe('indeterminate');
  });
});

describe('rule 7: timeouts', () => {
  it('what a live session has in hand is told to stop, and never timed out by the server', async () => {
    const { world, agent, run } = await running({ timeoutMs: 1_000 });
    world.now += 1_000 + 10 * lostAgentGraceMs;
    await world.runs.sweep();
    expect(agent.wire.ofType('cancel')).toMatchObject([{ run, reason: 'timeout' }]);
    expect(await world.state(run)).toBe('running');
    await agent.wire.end('timed_out');
    expect(await world.state(run)).toBe('timed_out');
  });

  it('an agent that is not heard of again makes its run indeterminate after timeout and grace, not before', async () => {
    const { world, agent, run } = await running({ timeoutMs: 100_000 });
    await agent.wire.disconnect();
    world.now += 100_000 + lostAgentGraceMs - 1;
    await world.runs.sweep();
    expect(await world.state(run)).toBe('running');
    world.now += 1;
    await world.runs.sweep();
    expect(await world.state(run)).toBe('indeterminate');
    expect((await readRun(world.parts, run)).failure?.code).toBe('agent_lost');
  });

  it('a server that has just started waits for its agents before it calls any of them lost', async () => {
    const { world, run } = await running({ timeoutMs: 1_000 });
    world.now += 100 * lostAgentGraceMs;
    await world.reopen();
    await world.sql('update agents set disconnected_at = ?', world.now);
    await world.runs.sweep();
    expect(await world.state(run)).toBe('running');
    world.now += lostAgentGraceMs;
    await world.runs.sweep();
    expect(await world.state(run)).toBe('indeterminate');
  });
});

describe('rule 8: an indeterminate run keeps its slot', () => {
  async function blocked() {
    const made = await running({ concurrency: 1 });
    const { world, agent, action, run } = made;
    await agent.wire.end('interrupted');
    await agent.wire.give({ type: 'poll', slots: 1 });
    const next = await world.press(action);
    await world.runs.idle();
    await world.runs.sweep();
    await world.runs.idle();
    expect(await world.state(run)).toBe('indeterminate');
    expect(await world.state(next.id)).toBe('queued');
    return { ...made, next: next.id };
  }

  it('until a person releases it, by name, audited', async () => {
    const { world, agent, run, next } = await blocked();
    await releaseRun(world.parts, { actor: world.actor('wayside.run.release'), run, reason: 'looked at it' });
    await world.runs.idle();
    expect(agent.wire.lastOffer().run).toBe(next);
    expect((await world.audit('run.release'))[0]?.details).toContain('looked at it');
    await expect(
      releaseRun(world.parts, { actor: world.actor(), run, reason: 'again' }),
    ).rejects.toMatchObject({ code: 'run_not_releasable' });
  });

  it('until evidence settles it', async () => {
    const { world, agent, run, next } = await blocked();
    await agent.wire.end('failed', {}, 0, { run, attempt: 1 });
    expect(await world.state(run)).toBe('failed');
    expect(agent.wire.lastOffer().run).toBe(next);
  });
});

describe('rule 9: refusals, lapses, expiry', () => {
  it.each(['busy', 'draining', 'disk_full', 'clock_skew', 'cannot_open', 'digest_gone', 'limit_reached'])(
    '%s gives the run to somebody else, without counting',
    async (code) => {
      const { world, agent, other, action } = await twoAgents();
      await agent.connect();
      const run = await world.press(action);
      await world.runs.idle();
      await other.connect();
      await agent.wire.refuse(code);
      await agent.wire.give({ type: 'poll', slots: 1 });
      expect(other.wire.lastOffer()).toMatchObject({ run: run.id, attempt: 2 });
      expect(agent.wire.offers()).toHaveLength(1);
      expect((await world.facts(run.id)).lapsed).toBe(0);
    },
  );

  it('the agent that refused is left out for this run, not for others, and comes back after a while', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    await agent.wire.refuse('limit_reached');
    await agent.wire.give({ type: 'poll', slots: 1 });
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(1);
    const next = await world.press(action);
    await world.runs.idle();
    expect(agent.wire.lastOffer().run).toBe(next.id);
    await agent.wire.accept();
    await agent.wire.end('succeeded');
    await agent.wire.give({ type: 'poll', slots: 1 });
    world.now += 5_001;
    await world.runs.sweep(0);
    await world.runs.idle();
    expect(agent.wire.lastOffer()).toMatchObject({ run: run.id, attempt: 2 });
  });

  it.each(['unknown_operation', 'invalid_intent', 'inputs_rejected', 'replayed', 'never_heard_of'])(
    '%s ends the run as refused, with the code',
    async (code) => {
      const { world, agent, action } = await oneAgent();
      await agent.connect();
      const run = await world.press(action);
      await world.runs.idle();
      await agent.wire.refuse(code);
      expect(await readRun(world.parts, run.id)).toMatchObject({ state: 'refused', failure: { code } });
    },
  );

  it('after a stated number of lapses the run ends with a code', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    for (let lapse = 1; lapse <= lapsedAttemptsMax; lapse += 1) {
      expect(await world.facts(run.id)).toMatchObject({ state: 'offered', attempt: lapse });
      await agent.wire.give({ type: 'poll', slots: 1 });
      world.now += leaseMs + 1;
      await world.runs.sweep();
      await world.runs.idle();
    }
    expect(await readRun(world.parts, run.id)).toMatchObject({
      state: 'refused',
      failure: { code: 'attempts_exhausted' },
    });
  });

  it('what nobody takes in time is expired', async () => {
    const { world, action } = await oneAgent();
    const run = await world.press(action, { expires_in_ms: 10_000 });
    world.now += 9_999;
    await world.runs.sweep();
    expect(await world.state(run.id)).toBe('queued');
    world.now += 1;
    await world.runs.sweep();
    expect(await readRun(world.parts, run.id)).toMatchObject({
      state: 'expired',
      failure: { code: 'expired' },
    });
  });
});

describe('rule 10: cancel', () => {
  it('a queued run is canceled at once and never offered', async () => {
    const { world, agent, action } = await oneAgent();
    const run = await world.press(action);
    expect(await cancel(world, run.id)).toMatchObject({ result: 'canceled', run: { state: 'canceled' } });
    await agent.connect();
    expect(agent.wire.offers()).toHaveLength(0);
  });

  it('an offered run too: the agent is told, and its accept gets no go', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const run = await world.press(action);
    await world.runs.idle();
    expect(await cancel(world, run.id)).toMatchObject({ result: 'canceled' });
    expect(agent.wire.ofType('cancel')).toHaveLength(1);
    await agent.wire.accept();
    expect(agent.wire.ofType('go')).toHaveLength(0);
    expect(agent.wire.ofType('cancel')).toHaveLength(2);
    await agent.wire.end('canceled');
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ ended: true });
    expect(await world.state(run.id)).toBe('canceled');
  });

  it('a running run is asked to stop; asking again is no error; hello and sweep repeat it', async () => {
    const { world, agent, run } = await running();
    expect(await cancel(world, run)).toMatchObject({ result: 'cancel_requested', run: { state: 'running' } });
    expect(await cancel(world, run)).toMatchObject({ result: 'cancel_requested' });
    expect((await world.events(run)).filter(({ kind }) => kind === 'cancel')).toHaveLength(1);
    await world.runs.sweep();
    expect(agent.wire.ofType('cancel')).toHaveLength(3);
    await agent.connect({ runs: [{ run, attempt: 1, state: 'begun', last_seq: 0 }] });
    expect(agent.wire.ofType('cancel')).toHaveLength(1);
    await agent.wire.end('canceled', {}, 0, { run, attempt: 1 });
    expect(await world.state(run)).toBe('canceled');
  });

  it('the outcome that the agent journaled first wins over the wish', async () => {
    const { world, agent, run } = await running();
    await cancel(world, run);
    await agent.wire.end('succeeded');
    expect(await world.state(run)).toBe('succeeded');
  });

  it('an agent that is never heard of again leaves it indeterminate, never canceled', async () => {
    const { world, agent, run } = await running({ timeoutMs: 1_000 });
    await cancel(world, run);
    await agent.wire.disconnect();
    world.now += 1_000 + lostAgentGraceMs;
    await world.runs.sweep();
    expect(await world.state(run)).toBe('indeterminate');
  });

  it('what has ended cannot be canceled', async () => {
    const { world, agent, run } = await running();
    await agent.wire.end('succeeded');
    await expect(cancel(world, run)).rejects.toMatchObject({ code: 'run_not_cancelable' });
  });

  it('no second go overtakes a cancel', async () => {
    const { world, agent, run } = await running();
    await cancel(world, run);
    await agent.wire.accept({ run, attempt: 1 });
    expect(agent.wire.ofType('go')).toHaveLength(1);
    expect(agent.wire.ofType('cancel')).toHaveLength(2);
  });
});

describe('rule 11: a revoked agent', () => {
  async function revokeAgent(world: World, agent: FakeAgent) {
    const { steps, committed } = await runsOfAgent(world.parts).revoke(agent.id);
    await world.write(revoke(world.store, agent.id), ...steps);
    committed();
    await world.runs.idle();
  }

  it('in one unit its offered runs go back and its running ones become indeterminate', async () => {
    const { world, group, action } = await oneAgent();
    const agent = await world.agent('both', group, [{ operation: 'deploy' }], 2);
    await agent.connect();
    const first = await world.press(action);
    await world.runs.idle();
    await agent.wire.accept();
    const second = await world.press(action);
    await world.runs.idle();
    await revokeAgent(world, agent);
    expect(await readRun(world.parts, first.id)).toMatchObject({
      state: 'indeterminate',
      failure: { code: 'agent_revoked' },
    });
    expect(await world.state(second.id)).toBe('queued');
    for (const run of [first.id, second.id]) {
      const events = await world.events(run);
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
      expect((await world.facts(run)).last_event).toBe(events.length);
    }
  });

  it('its evidence settles nothing', async () => {
    const { world, agent, run } = await running();
    const connection = agent.wire;
    await revokeAgent(world, agent);
    await connection.give({ type: 'end', run, attempt: 1, last_seq: 0, outcome: outcome('succeeded') });
    expect(await world.state(run)).toBe('indeterminate');
    expect(connection.closed).toBe('session_replaced');
  });
});

describe('rule 12: a database that was rolled back', () => {
  /** What a restore does to the store: the rows stay, the incarnation is another one. */
  async function restore(world: World) {
    await world.sql(`update store_meta set value = ? where name = 'incarnation'`, randomUUIDv7());
    await world.reopen();
  }

  it('the incarnation is part of every intent', async () => {
    const { world, agent } = await running();
    const intent = await verifyIntent(agent.wire.lastOffer().intent, [intentJwk]);
    expect(intent.store_incarnation).toBe(world.store.incarnation);
  });

  it('nothing is dispatched until the grace has passed; open rows without evidence become indeterminate', async () => {
    const { world, agent, action, run } = await running();
    const waiting = await world.press(action);
    await restore(world);
    const fresh = await world.press(action);
    await agent.connect({ runs: [{ run, attempt: 1, state: 'begun', last_seq: 0 }] });
    await agent.wire.give({ type: 'poll', slots: 1 });
    await world.runs.sweep();
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
    await expect(cancel(world, waiting.id)).rejects.toMatchObject({ code: 'unavailable' });
    world.now += lostAgentGraceMs;
    await world.runs.sweep();
    await world.runs.idle();
    expect(await world.state(run), 'its agent has shown it').toBe('running');
    expect(await readRun(world.parts, waiting.id)).toMatchObject({
      state: 'indeterminate',
      failure: { code: 'store_rolled_back' },
    });
    await agent.wire.end('succeeded', {}, 0, { run, attempt: 1 });
    await agent.wire.give({ type: 'poll', slots: 1 });
    expect(agent.wire.lastOffer().run, 'what came after the rollback is dispatched').toBe(fresh.id);
  });

  it('an offer from before the rollback is not given any more: another agent may have had the run since', async () => {
    const { world, agent, action } = await oneAgent();
    await agent.connect();
    const { id: run } = await world.press(action);
    await world.runs.idle();
    await restore(world);
    const connection = await agent.connect({ runs: [{ run, attempt: 1, state: 'accepted', last_seq: 0 }] });
    await connection.accept({ run, attempt: 1 });
    expect(connection.ofType('go')).toEqual([]);
    expect(connection.received.at(-1)).toEqual({ type: 'stale', run, attempt: 1 });
    world.now += lostAgentGraceMs;
    await world.runs.sweep();
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'indeterminate',
      failure: { code: 'store_rolled_back' },
    });
    // That this agent never began says nothing about whom the run was given to since.
    await connection.accept({ run, attempt: 1 });
    expect(connection.ofType('cancel')).toEqual([]);
    expect(connection.received.at(-1)).toEqual({ type: 'stale', run, attempt: 1 });
    const inHand = { run, attempt: 1, state: 'accepted' as const, last_seq: 0 };
    const again = await agent.connect({ runs: [inHand] });
    expect(again.welcomed).toMatchObject([{ run, known: false }]);
    expect(again.ofType('cancel')).toEqual([]);
  });

  it('an end that the agent still has in hand is taken where the row only knows of the offer', async () => {
    const { world, agent, run } = await running();
    await world.sql(`update runs set state = 'offered', agent_incarnation = null where id = ?`, run);
    await restore(world);
    const connection = await agent.connect({ runs: [{ run, attempt: 1, state: 'ended', last_seq: 0 }] });
    await connection.end('succeeded', {}, 0, { run, attempt: 1 });
    expect(connection.closed).toBeNull();
    expect(await world.state(run)).toBe('succeeded');
  });

  it('a row that is behind its agent catches up', async () => {
    const { world, agent, run } = await running();
    await world.sql(`update runs set state = 'offered', agent_incarnation = null where id = ?`, run);
    await restore(world);
    await agent.connect({ runs: [{ run, attempt: 1, state: 'begun', last_seq: 0 }] });
    expect(await world.state(run)).toBe('running');
    await agent.wire.end('succeeded', {}, 0, { run, attempt: 1 });
    expect(await world.state(run)).toBe('succeeded');
  });
});

describe('rule 14: output and the end', () => {
  it('each report is stored once, whatever is sent again', async () => {
    const { world, agent, run, offer } = await running();
    await agent.wire.give(output(offer, 1), output(offer, 2));
    await agent.wire.give(output(offer, 1), output(offer, 2), status(offer, 3), status(offer, 3));
    const reports = (await world.events(run)).filter(({ kind }) => kind !== 'state');
    expect(reports.map(({ kind }) => kind)).toEqual(['output', 'output', 'status']);
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ seq: 3, ended: false });
  });

  it('the end is acknowledged only when all before it is stored', async () => {
    const { world, agent, run, offer } = await running();
    await agent.wire.give(output(offer, 1));
    await agent.wire.end('succeeded', {}, 3);
    expect(await world.state(run)).toBe('running');
    expect(agent.wire.ofType('ack').some(({ ended }) => ended)).toBe(false);
    expect(agent.wire.closed, 'it has to send again').toBe('protocol_error');
    await agent.connect({ runs: [{ run, attempt: 1, state: 'ended', last_seq: 3 }] });
    expect(agent.wire.welcomed).toEqual([{ run, attempt: 1, have_seq: 1, known: true }]);
    await agent.wire.give(output(offer, 2), output(offer, 3));
    await agent.wire.end('succeeded', {}, 3, offer);
    expect(await world.state(run)).toBe('succeeded');
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ seq: 3, ended: true });
  });

  it('or the run is marked truncated', async () => {
    const { world, agent, run, offer } = await running();
    await agent.wire.give(output(offer, 1));
    await agent.wire.end('succeeded', { truncated: true }, 9);
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'succeeded',
      outcome: { truncated: true },
    });
  });

  it('the end comes again: it is acknowledged again and changes nothing', async () => {
    const { world, agent, run } = await running();
    await agent.wire.end('succeeded');
    await agent.wire.end('failed');
    expect(agent.wire.ofType('ack').filter(({ ended }) => ended)).toHaveLength(2);
    expect(await world.states(run)).toEqual(['queued', 'offered', 'running', 'succeeded']);
    expect(await world.audit('run.end')).toHaveLength(1);
  });
});

describe('the right to report is forever', () => {
  async function lost() {
    const made = await running({ timeoutMs: 1_000 });
    const { world, agent, run } = made;
    await agent.wire.disconnect();
    world.now += 1_000 + lostAgentGraceMs;
    await world.runs.sweep();
    expect(await world.state(run)).toBe('indeterminate');
    return made;
  }

  it('a late end settles an indeterminate run, once, and is shown as evidence', async () => {
    const { world, agent, run, offer } = await lost();
    await agent.connect({ runs: [{ run, attempt: 1, state: 'ended', last_seq: 1 }] });
    await agent.wire.give(output(offer, 1));
    await agent.wire.end('succeeded', {}, 1, offer);
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'succeeded',
      failure: null,
      evidence: { result: 'succeeded' },
    });
    await agent.wire.end('failed', {}, 1, offer);
    expect(await world.state(run)).toBe('succeeded');
    expect(await world.audit('run.evidence')).toHaveLength(1);
  });

  it('an interruption that is told late is kept and settles nothing', async () => {
    const { world, agent, run, offer } = await lost();
    await agent.connect({ runs: [{ run, attempt: 1, state: 'interrupted', last_seq: 0 }] });
    await agent.wire.end('interrupted', { survivors: ['pid 12'] }, 0, offer);
    expect(await readRun(world.parts, run)).toMatchObject({
      state: 'indeterminate',
      evidence: { survivors: ['pid 12'] },
    });
    expect(agent.wire.ofType('ack').at(-1)).toMatchObject({ ended: true });
    await agent.wire.end('failed', {}, 0, offer);
    expect(await world.state(run), 'the truth may still come').toBe('failed');
  });
});

describe('rule 16: retention', () => {
  it('leaves a tombstone, and a late report of a pruned run is answered pruned', async () => {
    const { world, agent, run, offer } = await running();
    await agent.wire.end('succeeded');
    await world.sql('update projects set keep_runs_ms = 60_000');
    await world.sql('update runs set ended_at = ?', world.now - 60_001);
    expect(await pruneRuns(pruning(world))).toMatchObject({ runs: 1 });
    await expect(readRun(world.parts, run)).rejects.toMatchObject({ code: 'not_found' });
    expect(await world.events(run)).toEqual([]);
    await agent.wire.end('succeeded', {}, 0, offer);
    expect(agent.wire.received.at(-1)).toMatchObject({ type: 'ack', ended: true, pruned: true });
    expect(agent.wire.closed).toBeNull();
  });

  it('an indeterminate run that keeps its slot stays', async () => {
    const { world, agent, run } = await running();
    await agent.wire.end('interrupted');
    await world.sql('update runs set ended_at = ?', 0);
    expect(await pruneRuns(pruning(world))).toMatchObject({ runs: 0 });
    expect(await world.state(run)).toBe('indeterminate');
  });
});

describe('rule 17: the requester is authorized again at the claim', () => {
  it('who lost the right by then does not run anything', async () => {
    const { world, agent, action } = await oneAgent();
    const run = await world.press(action);
    await world.sql(`update principals set disabled_at = 1`);
    await world.sql(`update organizations set policy_revision = policy_revision + 1`);
    await world.authority.reload();
    await agent.connect();
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
    expect(await readRun(world.parts, run.id)).toMatchObject({
      state: 'refused',
      failure: { code: 'authority_lost' },
    });
    expect((await world.audit('run.end'))[0]?.result).toBe('denied');
  });

  it('also where this process has not heard of the change yet: the guard fails and it decides again', async () => {
    const { world, agent, action } = await oneAgent();
    const run = await world.press(action);
    await world.sql(`update principals set disabled_at = 1`);
    await world.sql(`update organizations set policy_revision = policy_revision + 1`);
    await agent.connect();
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(0);
    expect(await world.state(run.id)).toBe('refused');
  });
});

describe('rule 18: a run freezes the digest at request', () => {
  it('and goes only to an agent that has that definition', async () => {
    const { world, agent, other, action } = await twoAgents();
    await agent.advertise([{ operation: 'deploy', digest: digestOf('new') }]);
    await other.advertise([{ operation: 'deploy', digest: digestOf('old') }]);
    await world.sql('update definitions set advertised_at = 1 where agent = ?', other.id);
    const run = await world.press(action);
    expect(run.definition_digest).toBe(digestOf('new'));
    await other.connect();
    expect(other.wire.offers()).toHaveLength(0);
    await agent.connect();
    const intent = await verifyIntent(agent.wire.lastOffer().intent, [intentJwk]);
    expect(intent.definition_digest).toBe(digestOf('new'));
  });

  it('a definition that is replaced before an agent takes the run ends it, instead of running another one', async () => {
    const { world, agent, action } = await oneAgent();
    const run = await world.press(action);
    await agent.advertise([{ operation: 'deploy', digest: digestOf('new') }]);
    await agent.connect();
    expect(agent.wire.offers()).toHaveLength(0);
    world.now += 60_000;
    await world.runs.sweep(0);
    expect(await readRun(world.parts, run.id)).toMatchObject({
      state: 'refused',
      failure: { code: 'digest_gone' },
    });
  });
});

describe('rule 19: pinned groups', () => {
  it('a digest that nobody accepted is neither requested nor dispatched', async () => {
    const world = await World.open();
    const group = await world.group('prod', { pinned: true });
    const action = await world.action('deploy', group);
    const agent = await world.agent('one', group, [{ operation: 'deploy' }]);
    await agent.connect();
    await expect(world.press(action)).rejects.toMatchObject({ code: 'definition_not_accepted' });
    const accept = `insert into accepted_definitions values (?, 'deploy', ?, 'me', 1)`;
    await world.sql(accept, group, digestOf('deploy'));
    await world.press(action);
    await world.runs.idle();
    expect(agent.wire.offers()).toHaveLength(1);
  });

  it('a group that is pinned while runs wait holds them back', async () => {
    const { world, agent, group, action } = await oneAgent();
    const run = await world.press(action);
    await world.sql('update "groups" set pinned = 1 where id = ?', group);
    await agent.connect();
    expect(agent.wire.offers()).toHaveLength(0);
    expect(await world.state(run.id)).toBe('queued');
  });
});

describe('rules 29 and 30: secrets', () => {
  const schema = {
    type: 'object',
    properties: { version: { type: 'string' }, token: { type: 'string', 'x-wayside-sensitive': true } },
    required: ['token'],
    additionalProperties: false,
  };

  it('the same secret commits to another digest each time, and opens only for the agent and the attempt', async () => {
    const { world, agent, action } = await oneAgent({ schema }, 2);
    await agent.connect();
    const inputs = { version: 'v1', token: 'hunter2hunter2' };
    await world.press(action, { inputs });
    await world.press(action, { inputs });
    await world.runs.idle();
    const [first, second] = agent.wire.offers();
    const intents = await Promise.all(
      [first, second].map((offer) => verifyIntent(offer!.intent, [intentJwk])),
    );
    expect(intents[0]!.inputs_digest).not.toBe(intents[1]!.inputs_digest);
    const binding = (index: number) => ({
      run: intents[index]!.run,
      attempt: 1,
      agent: agent.id,
      digest: intents[index]!.definition_digest,
      notAfter: intents[index]!.not_after,
    });
    const opened = await openInputs(first!.inputs, () => sealingPrivateKey, binding(0));
    expect(opened.inputs).toMatchObject({ version: { value: 'v1' }, token: { value: 'hunter2hunter2' } });
    await expect(openInputs(first!.inputs, () => sealingPrivateKey, binding(1))).rejects.toMatchObject({
      code: 'cannot_open',
    });
  });

  it('neither the offer nor any row of the database holds the plaintext', async () => {
    const { world, agent, action } = await oneAgent({ schema });
    await agent.connect();
    await world.press(action, { inputs: { token: 'hunter2hunter2' } });
    await world.runs.idle();
    expect(JSON.stringify(agent.wire.received)).not.toContain('hunter2hunter2');
    const rows = await world.store.snapshot(
      (['runs', 'run_events', 'audit_events'] as const).map((table) =>
        world.store.db.selectFrom(table).selectAll().compile(),
      ),
    );
    expect(JSON.stringify(rows)).not.toContain('hunter2hunter2');
    expect(JSON.stringify(rows)).not.toContain(Buffer.from('hunter2hunter2').toString('base64').slice(0, 16));
  });

  it('what the run needed is gone from its row when it has ended', async () => {
    const { world, agent, action } = await oneAgent({ schema });
    await agent.connect();
    const run = await world.press(action, { inputs: { token: 'hunter2hunter2' } });
    await world.runs.idle();
    await agent.wire.accept();
    await agent.wire.end('succeeded');
    const query = world.store.db.selectFrom('runs').select('envelope').where('id', '=', run.id);
    expect(await world.store.read(query.compile())).toEqual([{ envelope: null }]);
  });

  it('refuse cannot_open seals again under a new attempt', async () => {
    const { world, agent, action } = await oneAgent({ schema });
    await agent.connect();
    await world.press(action, { inputs: { token: 'hunter2hunter2' } });
    await world.runs.idle();
    const first = agent.wire.lastOffer();
    await agent.wire.refuse('cannot_open');
    await agent.wire.give({ type: 'poll', slots: 1 });
    world.now += 5_001;
    await world.runs.sweep(0);
    await world.runs.idle();
    const second = agent.wire.lastOffer();
    expect(second).toMatchObject({ run: first.run, attempt: 2 });
    expect(second.inputs['ciphertext']).not.toBe(first.inputs['ciphertext']);
  });
});
