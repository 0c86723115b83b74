// The decider, event by event: what follows from an offer, a go, a cancel, an acknowledgement, a failing disk, a drain.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../agent/decide.ts';
import { emptyOutcome } from '../../agent/decide/end.ts';
import { nextWake } from '../../agent/decide/tick.ts';
import { initialState, newRun } from '../../agent/work-state.ts';
import type {
  Effect,
  Moment,
  VerifiedAction,
  WorkEvent,
  WorkRun,
  WorkState,
} from '../../agent/work-state.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import {
  cancelGraceMsDefault,
  diskProbeMs,
  goValidMs,
  leaveMsMax,
  offerHeldMsMax,
  tombstonesMax,
} from '../../protocol/limits.ts';
import { simulate } from './decide/world.ts';

const run = '0197a0c0-0000-7000-8000-000000000001';
const other = '0197a0c0-0000-7000-8000-000000000002';
const incarnation = '0197a0c0-0000-7000-8000-0000000000aa';
const key = `${run}/1`;
const advertisement = { groups: ['prod'], definitions: [], loadErrors: [] };
const done = emptyOutcome('succeeded', 'internal', '');

const action: VerifiedAction = {
  action: 'prod/promote',
  digest: `sha256:${'a'.repeat(64)}`,
  idempotent: false,
  timeoutMs: 60_000,
  concurrency: null,
  limits: {},
  agentLimits: {},
};

type Untimed = WorkEvent extends infer Event ? (Event extends WorkEvent ? Omit<Event, 'at'> : never) : never;

/** An agent that is driven by hand; time moves only when told. */
class Agent {
  state: WorkState;
  at: Moment = { boot: 1_000_000, now: 1_700_000_000_000 };

  constructor({ concurrency = 2, runs = [] }: AgentOptions) {
    this.state = initialState({
      incarnation,
      concurrency,
      shutdownGraceMs: 30_000,
      advertisement,
      knownGroups: ['prod', 'staging'],
      runs,
    });
  }

  wait(ms: number): readonly Effect[] {
    this.at = { boot: this.at.boot + ms, now: this.at.now + ms };
    return this.on({ type: 'tick' });
  }

  on(event: Untimed): readonly Effect[] {
    const before = structuredClone(this.state);
    const { state, effects } = decide(this.state, { ...event, at: this.at } as WorkEvent);
    expect(this.state).toEqual(before);
    this.state = state;
    return effects;
  }

  frame(frame: ServerFrame, past = 0, connection = this.state.session?.connection ?? 0): readonly Effect[] {
    return this.on({ type: 'frame', connection, frame, past });
  }

  connect(connection = 1, runs: Extract<ServerFrame, { type: 'welcome' }>['runs'] = []): readonly Effect[] {
    this.on({ type: 'opened', connection });
    return this.frame(welcome(runs));
  }

  verified(of = key, fields: Partial<VerifiedAction> = {}): readonly Effect[] {
    const none = { lastHour: 0, last: null };
    return this.on({
      type: 'verified',
      key: of,
      action: { ...action, ...fields },
      actionStarts: none,
      allStarts: none,
    });
  }

  /** From the offer to the start of the execution. */
  start(id = run): readonly Effect[] {
    const of = `${id}/1`;
    this.frame(offer(id));
    this.verified(of);
    this.on({ type: 'journaled', key: of, record: 'accepted' });
    this.frame(go(id));
    return this.on({ type: 'journaled', key: of, record: 'begun' });
  }
}

interface AgentOptions {
  readonly concurrency?: number;
  readonly runs?: readonly WorkRun[];
}

function createAgent(options: AgentOptions = {}): Agent {
  return new Agent(options);
}

function welcome(
  runs: Extract<ServerFrame, { type: 'welcome' }>['runs'] = [],
  unknown: string[] = [],
): ServerFrame {
  return {
    type: 'welcome',
    session: 7,
    agent: { id: run, name: 'build-1' },
    organization: run,
    project: run,
    now: 0,
    heartbeat_ms: 20_000,
    unknown_groups: unknown,
    known_groups: ['prod'],
    intent_keys: '',
    runs,
  };
}
const offer = (id = run, attempt = 1): ServerFrame => ({
  type: 'offer',
  run: id,
  attempt,
  intent: 'jws',
  inputs: {},
});
const go = (id = run, attempt = 1, to = incarnation): ServerFrame => ({
  type: 'go',
  run: id,
  attempt,
  incarnation: to,
});
const cancel = (id = run, attempt = 1, grace = 5_000): ServerFrame => ({
  type: 'cancel',
  run: id,
  attempt,
  reason: 'requested',
  grace_ms: grace,
});
const ack = (fields: Partial<Extract<ServerFrame, { type: 'ack' }>> = {}): ServerFrame => ({
  type: 'ack',
  run,
  attempt: 1,
  seq: 0,
  ended: false,
  pruned: false,
  ...fields,
});

const types = (effects: readonly Effect[]): readonly string[] =>
  effects
    .filter(({ type }) => type !== 'note')
    .map((effect) => (effect.type === 'send' ? effect.frame.type : effect.type));
const sent = (effects: readonly Effect[], type: string) =>
  effects.flatMap((effect) => (effect.type === 'send' && effect.frame.type === type ? [effect.frame] : []));
const phaseOf = (state: WorkState, of = key): string | undefined => state.runs.get(of)?.phase;

describe('a run on its way', () => {
  test('is verified, accepted durably, begun durably, executed, ended durably, reported and forgotten', () => {
    const agent = createAgent();
    expect(types(agent.connect())).toEqual(['poll']);
    expect(types(agent.frame(offer()))).toEqual(['verify']);
    expect(types(agent.verified())).toEqual(['journal']);
    const accepted = agent.on({ type: 'journaled', key, record: 'accepted' });
    expect(sent(accepted, 'accept')).toEqual([{ type: 'accept', run, attempt: 1, incarnation }]);
    expect(types(agent.frame(go()))).toEqual(['journal']);
    expect(types(agent.on({ type: 'journaled', key, record: 'begun' }))).toEqual(['execute']);
    expect(types(agent.on({ type: 'executed', key, outcome: done, lastSeq: 3 }))).toEqual(['journal']);
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toEqual(['report', 'poll']);
    expect(types(agent.frame(ack({ seq: 3 })))).toEqual(['acknowledge']);
    expect(types(agent.frame(ack({ seq: 3, ended: true })))).toEqual(['acknowledge', 'forget']);
    expect(agent.state.runs.size).toBe(0);
  });

  test('does not start for a go of another incarnation, of another attempt, or without an acceptance', () => {
    const agent = createAgent();
    agent.connect();
    expect(types(agent.frame(go()))).toEqual([]);
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    expect(types(agent.frame(go(run, 1, other)))).toEqual([]);
    expect(types(agent.frame(go(run, 2)))).toEqual([]);
    expect(phaseOf(agent.state)).toBe('waiting');
  });

  test('asks again instead of starting on a go that is older than it may be', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    agent.at = { boot: agent.at.boot + goValidMs + 1, now: agent.at.now };
    expect(types(agent.frame(go()))).toEqual(['accept']);
    expect(types(agent.frame(go()))).toEqual(['journal']);
    // The machine is suspended while the record goes to the disk: back to waiting, durably, and ask again.
    agent.at = { boot: agent.at.boot + goValidMs + 1, now: agent.at.now };
    expect(agent.on({ type: 'journaled', key, record: 'begun' })).toMatchObject([
      { type: 'journal', record: { type: 'accepted' } },
    ]);
    expect(types(agent.on({ type: 'journaled', key, record: 'accepted' }))).toEqual(['accept']);
    agent.frame(go());
    expect(types(agent.on({ type: 'journaled', key, record: 'begun' }))).toEqual(['execute']);
  });

  test('is named by a hello while it is written as accepted once more, for the server has it as running', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    const first = agent.on({ type: 'opened', connection: 2 });
    expect(
      first.find(({ type }) => type === 'hello'),
      'never answered by a go',
    ).toMatchObject({ runs: [] });
    agent.frame(welcome());
    agent.on({ type: 'journaled', key, record: 'accepted' });
    agent.frame(go());
    agent.at = { boot: agent.at.boot + goValidMs + 1, now: agent.at.now };
    agent.on({ type: 'journaled', key, record: 'begun' });
    expect(phaseOf(agent.state)).toBe('accepting');
    agent.on({ type: 'closed', connection: 2, fate: null });
    const again = agent.on({ type: 'opened', connection: 3 });
    expect(again.find(({ type }) => type === 'hello')).toMatchObject({ runs: [{ key, state: 'accepted' }] });
    expect(types(agent.frame(welcome([{ run, attempt: 1, have_seq: 0, known: true }])))).toEqual([
      'attach',
      'poll',
    ]);
    expect(types(agent.on({ type: 'journaled', key, record: 'accepted' }))).toEqual(['accept']);
    expect(types(agent.frame(go()))).toEqual(['journal']);
  });

  test('an end that comes before the acceptance is on the disk is told after the acceptance', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.frame({ type: 'cancel', run, attempt: 1, reason: 'requested', grace_ms: 0 });
    expect(types(agent.on({ type: 'journaled', key, record: 'accepted' }))).toEqual(['accept', 'journal']);
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toContain('report');
  });

  test('asks again by itself when no go comes', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    expect(nextWake(agent.state)).toBe(agent.at.boot + goValidMs);
    expect(types(agent.wait(goValidMs))).toEqual(['accept']);
  });

  test('is stopped at its deadline, on either clock, and never begins behind it', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.at = { boot: agent.at.boot + 1_000, now: agent.at.now + 60_001 };
    expect(agent.on({ type: 'tick' })).toMatchObject([
      { type: 'stop', key, order: { reason: 'deadline', graceMs: cancelGraceMsDefault } },
    ]);
    agent.frame(offer(other));
    agent.verified(`${other}/1`);
    agent.on({ type: 'journaled', key: `${other}/1`, record: 'accepted' });
    agent.at = { boot: agent.at.boot + 60_001, now: agent.at.now };
    expect(agent.frame(go(other))).toMatchObject([
      { type: 'journal', record: { type: 'ended', outcome: { result: 'timed_out' } } },
    ]);
  });

  test('frees its slot when its end is durable, not when it is acknowledged', () => {
    const agent = createAgent({ concurrency: 1 });
    expect(sent(agent.connect(), 'poll')).toMatchObject([{ slots: 1 }]);
    agent.start();
    expect(sent(agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 }), 'poll')).toEqual([]);
    expect(sent(agent.on({ type: 'journaled', key, record: 'ended' }), 'poll')).toMatchObject([{ slots: 1 }]);
  });
});

describe('an offer', () => {
  test('of an attempt that is over is refused as replayed', () => {
    const agent = createAgent();
    agent.connect();
    expect(sent(agent.frame(offer(), 1), 'refuse')).toMatchObject([{ run, attempt: 1, code: 'replayed' }]);
    expect(sent(agent.frame(offer(run, 1), 5), 'refuse')).toMatchObject([{ code: 'replayed' }]);
    expect(types(agent.frame(offer(run, 6), 5))).toContain('verify');
    expect(sent(agent.frame(offer(run, 5)), 'refuse')).toMatchObject([{ code: 'replayed' }]);
  });

  test('that comes again while the run is in hand is accepted again and starts nothing', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    expect(types(agent.frame(offer()))).toEqual(['accept', 'poll']);
    expect(types(agent.frame(go()))).toEqual([]);
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    agent.on({ type: 'journaled', key, record: 'ended' });
    expect(types(agent.frame(offer()))).toEqual(['accept', 'report_again', 'poll']);
  });

  test('with a higher attempt takes the place of one that has not begun, never of one that has', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    expect(types(agent.frame(offer(run, 2)))).toEqual(['forget', 'verify', 'poll']);
    const busy = createAgent();
    busy.connect();
    busy.start();
    expect(sent(busy.frame(offer(run, 2)), 'refuse')).toMatchObject([{ attempt: 2, code: 'busy' }]);
    expect(phaseOf(busy.state)).toBe('running');
  });

  test('beyond the free slots is held for a moment, then verified or refused as busy', () => {
    const agent = createAgent({ concurrency: 1 });
    agent.connect();
    agent.start();
    expect(types(agent.frame(offer(other)))).toEqual([]);
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toEqual(['report', 'verify']);
    const full = createAgent({ concurrency: 1 });
    full.connect();
    full.start();
    full.frame(offer(other));
    expect(sent(full.wait(offerHeldMsMax), 'refuse')).toMatchObject([{ run: other, code: 'busy' }]);
  });

  test('that is refused makes the agent ask for work again', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    const effects = agent.on({ type: 'refused', key, code: 'digest_gone', message: 'gone' });
    expect(types(effects)).toEqual(['refuse', 'poll']);
  });

  test('is refused when the limits of the file say so, counting what waits to begin', () => {
    const agent = createAgent({ concurrency: 5 });
    agent.connect();
    agent.frame(offer());
    agent.verified(key, { limits: { maxPerHour: 1 } });
    agent.frame(offer(other));
    expect(sent(agent.verified(`${other}/1`, { limits: { maxPerHour: 1 } }), 'refuse')).toMatchObject([
      { run: other, code: 'limit_reached' },
    ]);
  });

  test('belongs to its connection: a new hello does not name it, and its verification comes too late', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    const [, hello] = agent.on({ type: 'opened', connection: 2 });
    expect(hello).toEqual({ type: 'hello', connection: 2, runs: [] });
    expect(types(agent.verified())).toEqual([]);
  });
});

describe('a cancel', () => {
  test('that overtakes its offer leaves a tombstone', () => {
    const agent = createAgent();
    agent.connect();
    expect(agent.frame(cancel())).toEqual([{ type: 'forget', run, attempt: 1, verdict: 'canceled' }]);
    expect(agent.frame(cancel(), 1)).toEqual([]);
  });

  test('for unknown runs without end is not listened to without end', () => {
    const agent = createAgent();
    agent.connect();
    const id = (count: number): string => `0197a0c0-0000-7000-8000-${String(count).padStart(12, '0')}`;
    let tombstones = 0;
    for (let count = 0; count < tombstonesMax + 10; count += 1)
      tombstones += agent.frame(cancel(id(count))).length;
    expect(tombstones).toBe(tombstonesMax);
  });

  test('before the beginning ends the run without starting anything, at every step', () => {
    for (const steps of [1, 2, 3]) {
      const agent = createAgent();
      agent.connect();
      agent.frame(offer());
      agent.verified();
      if (steps > 1) agent.on({ type: 'journaled', key, record: 'accepted' });
      if (steps > 2) agent.frame(go());
      let effects = agent.frame(cancel());
      if (steps === 1) effects = agent.on({ type: 'journaled', key, record: 'accepted' });
      if (steps === 3) effects = agent.on({ type: 'journaled', key, record: 'begun' });
      // Told after its acceptance.
      expect(effects.filter(({ type }) => type !== 'send')).toMatchObject([
        { type: 'journal', record: { type: 'ended', outcome: { result: 'canceled' } } },
      ]);
    }
  });

  test('stops what runs, once, with the grace that it names', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    expect(agent.frame(cancel(run, 1, 1_234))).toEqual([
      { type: 'stop', key, order: { reason: 'requested', graceMs: 1_234 } },
    ]);
    expect(agent.frame(cancel())).toEqual([]);
  });

  test('loses against an outcome that was written before it', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    expect(agent.frame(cancel())).toEqual([]);
    expect(agent.on({ type: 'journaled', key, record: 'ended' })).toMatchObject([
      { type: 'report', outcome: { result: 'succeeded' } },
      { type: 'send' },
    ]);
    expect(types(agent.frame(cancel()))).toEqual(['report_again']);
  });
});

describe('connections', () => {
  test('nothing is sent before the welcome, and frames of any other connection are dropped', () => {
    const agent = createAgent();
    expect(types(agent.on({ type: 'opened', connection: 1 }))).toEqual(['detach', 'hello']);
    expect(types(agent.frame(offer()))).toEqual(['close']);
    agent.frame(welcome());
    agent.on({ type: 'opened', connection: 2 });
    agent.frame(welcome());
    expect(agent.frame(offer(), 0, 1)).toEqual([]);
    expect(agent.frame(cancel(), 0, 1)).toEqual([]);
    expect(agent.on({ type: 'closed', connection: 1, fate: null })).toEqual([]);
    expect(agent.state.session?.connection).toBe(2);
  });

  test('a hello tells what the journal holds, and the welcome makes everything be said again', () => {
    const agent = createAgent({ concurrency: 4 });
    agent.connect();
    agent.start();
    agent.frame(offer(other));
    agent.verified(`${other}/1`);
    agent.on({ type: 'journaled', key: `${other}/1`, record: 'accepted' });
    agent.on({ type: 'closed', connection: 1, fate: null });
    const opened = agent.on({ type: 'opened', connection: 2 });
    expect(opened.at(-1)).toEqual({
      type: 'hello',
      connection: 2,
      runs: [
        { key, state: 'begun' },
        { key: `${other}/1`, state: 'accepted' },
      ],
    });
    const effects = agent.frame(
      welcome([
        { run, attempt: 1, have_seq: 5, known: true },
        { run: other, attempt: 1, have_seq: 0, known: true },
      ]),
    );
    expect(effects).toContainEqual({ type: 'attach', key, haveSeq: 5 });
    expect(sent(effects, 'accept')).toMatchObject([{ run: other }]);
    expect(sent(effects, 'poll')).toMatchObject([{ slots: 2 }]);
  });

  test('a server whose database went back is shown the intent, and what it rebuilds goes on as before', () => {
    const agent = createAgent({ concurrency: 4 });
    agent.connect();
    agent.start();
    agent.frame(offer(other));
    agent.verified(`${other}/1`);
    agent.on({ type: 'journaled', key: `${other}/1`, record: 'accepted' });
    agent.on({ type: 'opened', connection: 2 });
    const earlier = { store_incarnation: other, earlier_incarnations: [run] };
    const unknown = [
      { run, attempt: 1, have_seq: 0, known: false },
      { run: other, attempt: 1, have_seq: 0, known: false },
    ];
    const answer = { ...welcome(unknown), ...earlier } as ServerFrame;
    const showable = new Set([key, `${other}/1`]);
    const effects = agent.on({ type: 'frame', connection: 2, frame: answer, past: 0, showable });
    expect(effects.filter(({ type }) => type === 'show')).toEqual([
      { type: 'show', runs: [{ run, attempt: 1 }] },
      { type: 'show', runs: [{ run: other, attempt: 1 }] },
    ]);
    expect(effects).toContainEqual({ type: 'recall', store: other, earlier: [run] });
    expect(sent(effects, 'accept'), 'nothing is said about them meanwhile').toEqual([]);
    expect(types(agent.frame({ type: 'rebuilt', run, attempt: 1, have_seq: 3 }))).toEqual(['attach']);
    // What was never begun is not begun now: nobody knows who got it after the row was lost.
    expect(types(agent.frame({ type: 'stale', run: other, attempt: 1 }))).toEqual(['forget', 'poll']);
    expect(types(agent.on({ type: 'executed', key, outcome: done, lastSeq: 5 }))).toEqual(['journal']);
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toEqual(['report', 'poll']);
  });

  test('an end that comes while the showing is under way is kept, and told after the answer', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'opened', connection: 2 });
    const frame = welcome([{ run, attempt: 1, have_seq: 0, known: false }]);
    agent.on({ type: 'frame', connection: 2, frame, past: 0, showable: new Set([key]) });
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toContain('report');
    expect(agent.state.runs.get(key)).toMatchObject({ phase: 'ended', muted: true });
    expect(types(agent.frame({ type: 'rebuilt', run, attempt: 1, have_seq: 0 }))).toContain('attach');
  });

  test('a showing whose answer was lost with its connection is named again by the next hello', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'opened', connection: 2 });
    const frame = welcome([{ run, attempt: 1, have_seq: 0, known: false }]);
    agent.on({ type: 'frame', connection: 2, frame, past: 0, showable: new Set([key]) });
    agent.on({ type: 'closed', connection: 2, fate: null });
    const again = agent.on({ type: 'opened', connection: 3 });
    expect(again.find(({ type }) => type === 'hello')).toMatchObject({ runs: [{ key, state: 'begun' }] });
  });

  test('what the server does not know is forgotten, unless it runs: that cannot be undone', () => {
    const agent = createAgent({ concurrency: 4 });
    agent.connect();
    agent.start();
    agent.frame(offer(other));
    agent.verified(`${other}/1`);
    agent.on({ type: 'journaled', key: `${other}/1`, record: 'accepted' });
    agent.on({ type: 'opened', connection: 2 });
    const effects = agent.frame(
      welcome([
        { run, attempt: 1, have_seq: 0, known: false },
        { run: other, attempt: 1, have_seq: 0, known: false },
      ]),
    );
    expect(types(effects)).toEqual(['forget', 'poll']);
    expect(phaseOf(agent.state)).toBe('running');
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toEqual(['forget', 'poll']);
  });

  test('stale takes a waiting run away and leaves a running one alone', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    expect(types(agent.frame({ type: 'stale', run, attempt: 1 }))).toEqual(['forget', 'poll']);
    agent.start(other);
    expect(types(agent.frame({ type: 'stale', run: other, attempt: 1 }))).toEqual([]);
    expect(phaseOf(agent.state, `${other}/1`)).toBe('running');
  });

  test('groups that the control plane does not know end the first start with a list of those there are (R12)', () => {
    const agent = createAgent();
    agent.on({ type: 'opened', connection: 1 });
    const effects = agent.frame(welcome([], ['prdo']));
    expect(effects.at(-1)).toMatchObject({ type: 'leave', reason: 'unknown_groups' });
    expect((effects.at(-1) as { message: string }).message).toContain('"prdo"');
    expect((effects.at(-1) as { message: string }).message).toContain('"prod", "staging"');
    const later = createAgent();
    later.connect();
    later.on({ type: 'opened', connection: 2 });
    expect(types(later.frame(welcome([], ['prdo'])))).not.toContain('leave');
  });

  test('definitions that changed between hello and welcome are said after it', () => {
    const agent = createAgent();
    agent.on({ type: 'opened', connection: 1 });
    const changed = { ...advertisement, loadErrors: ['agent.hcl:1:1: wrong'] };
    const reloaded = { type: 'reloaded' as const, concurrency: 3, shutdownGraceMs: 1 };
    expect(types(agent.on({ ...reloaded, advertisement: changed }))).toEqual([]);
    expect(types(agent.frame(welcome()))).toEqual(['definitions', 'poll']);
    const effects = agent.on({ ...reloaded, advertisement });
    expect(sent(effects, 'definitions')).toMatchObject([{ load_errors: [] }]);
  });

  test('rotate renews, and nothing else', () => {
    const agent = createAgent();
    agent.connect();
    expect(agent.frame({ type: 'rotate' })).toEqual([{ type: 'renew' }]);
  });
});

describe('what a process that died had accepted', () => {
  const inherited = newRun({ key, run, attempt: 1, phase: 'waiting', inherited: true });

  test('is accepted by the new process and then reported as never begun', () => {
    const agent = createAgent({ runs: [inherited] });
    const effects = agent.connect(1, [{ run, attempt: 1, have_seq: 0, known: true }]);
    expect(sent(effects, 'accept')).toMatchObject([{ run, incarnation }]);
    expect(sent(effects, 'poll')).toMatchObject([{ slots: 2 }]);
    expect(agent.frame(go())).toMatchObject([
      { type: 'journal', record: { outcome: { result: 'failed', code: 'agent_interrupted' } } },
    ]);
  });

  test('is reported as interrupted where the action is idempotent, so that the server tries again', () => {
    const agent = createAgent({ runs: [{ ...inherited, idempotent: true }] });
    agent.connect(1, [{ run, attempt: 1, have_seq: 0, known: true }]);
    expect(agent.frame(go())).toMatchObject([{ record: { outcome: { result: 'interrupted' } } }]);
  });
});

describe('a disk that cannot be written', () => {
  test('refuses the offer, grants no slots, and asks for work again when a probe was written', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    const effects = agent.on({ type: 'unjournaled', key, record: 'accepted' });
    expect(sent(effects, 'refuse')).toMatchObject([{ code: 'disk_full' }]);
    expect(sent(effects, 'poll')).toEqual([]);
    expect(sent(agent.frame(offer(other)), 'refuse')).toMatchObject([{ code: 'disk_full' }]);
    expect(types(agent.wait(diskProbeMs))).toEqual(['probe']);
    expect(agent.on({ type: 'probed', ok: false })).toEqual([]);
    agent.wait(diskProbeMs);
    expect(sent(agent.on({ type: 'probed', ok: true }), 'poll')).toMatchObject([{ slots: 2 }]);
  });

  test('never starts what it could not journal, and begins it when it can', () => {
    const agent = createAgent();
    agent.connect();
    agent.frame(offer());
    agent.verified();
    agent.on({ type: 'journaled', key, record: 'accepted' });
    agent.frame(go());
    expect(types(agent.on({ type: 'unjournaled', key, record: 'begun' }))).toEqual(['poll']);
    expect(phaseOf(agent.state)).toBe('waiting');
    agent.wait(diskProbeMs);
    agent.on({ type: 'probed', ok: true });
    expect(types(agent.wait(0))).toEqual(['accept']);
    agent.frame(go());
    expect(types(agent.on({ type: 'journaled', key, record: 'begun' }))).toEqual(['execute']);
  });

  test('keeps an outcome until it can be written, and reports it only then', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 2 });
    expect(types(agent.on({ type: 'unjournaled', key, record: 'ended' }))).not.toContain('report');
    expect(agent.wait(1_000)).toMatchObject([{ type: 'journal', record: { type: 'ended', last_seq: 2 } }]);
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toContain('report');
  });
});

describe('leaving', () => {
  test('takes nothing new, lets what runs finish, reports it and goes when that is acknowledged', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    const effects = agent.on({ type: 'drain', cause: 'signal' });
    expect(types(effects)).toEqual(['drain', 'poll']);
    expect(sent(effects, 'poll')).toMatchObject([{ slots: 0 }]);
    expect(sent(agent.frame(offer(other)), 'refuse')).toMatchObject([{ code: 'draining' }]);
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    expect(types(agent.on({ type: 'journaled', key, record: 'ended' }))).toEqual(['report']);
    expect(types(agent.frame(ack({ ended: true })))).toEqual(['acknowledge', 'forget', 'leave']);
  });

  test('cancels what is still running when the grace is over', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'drain', cause: 'server' });
    expect(nextWake(agent.state)).toBe(agent.at.boot + 30_000);
    expect(agent.wait(30_000)).toMatchObject([
      { type: 'note' },
      { type: 'stop', order: { reason: 'drain' } },
    ]);
  });

  test('a second signal stops at once, without grace', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    agent.on({ type: 'drain', cause: 'signal' });
    expect(agent.on({ type: 'hurry' })).toMatchObject([
      { type: 'note' },
      { type: 'stop', order: { reason: 'drain', graceMs: 0 } },
    ]);
    expect(agent.on({ type: 'hurry' })).toEqual([]);
  });

  test('goes at once when nothing is in hand, and after a while when nobody acknowledges', () => {
    const idle = createAgent();
    expect(types(idle.on({ type: 'drain', cause: 'signal' }))).toEqual(['leave']);
    const unheard = createAgent();
    unheard.connect();
    unheard.start();
    unheard.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    unheard.on({ type: 'journaled', key, record: 'ended' });
    unheard.on({ type: 'drain', cause: 'signal' });
    expect(types(unheard.wait(leaveMsMax - 1))).not.toContain('leave');
    expect(types(unheard.wait(1))).toContain('leave');
  });

  test('after a revocation stops everything, waits for no acknowledgement, and says why it goes', () => {
    const agent = createAgent();
    agent.connect();
    agent.start();
    const effects = agent.on({ type: 'closed', connection: 1, fate: 'agent_revoked' });
    expect(effects).toContainEqual({
      type: 'stop',
      key,
      order: { reason: 'revoked', graceMs: cancelGraceMsDefault },
    });
    agent.on({ type: 'executed', key, outcome: done, lastSeq: 0 });
    const left = agent.on({ type: 'journaled', key, record: 'ended' });
    expect(left.at(-1)).toMatchObject({ type: 'leave', reason: 'agent_revoked' });
  });
});

describe('a whole world under one seed', () => {
  test('no run is lost, executed twice, stuck or lied about, in any order of events (property)', () => {
    let executed = 0;
    let interrupted = 0;
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = simulate(seed, 600);
        expect(new Set(world.ledger).size).toBe(world.ledger.length);
        const attempts = Map.groupBy(world.ledger, (key) => key.split('/')[0] ?? '');
        for (const [run, row] of world.rows) {
          const ran = attempts.get(run) ?? [];
          if (!row.idempotent) expect(ran.length).toBeLessThanOrEqual(1);
          if (row.state === 'succeeded') expect(world.finished.has(ran.at(-1) ?? '')).toBe(true);
          if (row.state === 'failed') expect(ran).toEqual([]);
          interrupted += row.state === 'indeterminate' ? 1 : 0;
        }
        executed += world.ledger.length;
      }),
      { numRuns: 400 },
    );
    // The simulation is of use only if it gets somewhere.
    expect(executed).toBeGreaterThan(1_000);
    expect(interrupted).toBeGreaterThan(20);
  });
});
