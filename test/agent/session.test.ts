// The agent against the other side over real TLS and WebSockets: a run from offer to acknowledgement, connections
// that break, servers that lie or fall silent, and the ways to leave.
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { backoffMs } from '../../agent/session.ts';
import { closeCodes } from '../../protocol/frames.ts';
import { enrolled, startAgent } from './other-side/agent.ts';
import type { Household } from './other-side/agent.ts';
import { openOtherSide } from './other-side/server.ts';
import type { OtherSide } from './other-side/server.ts';

const file = `
agent {
  concurrency    = 4
  shutdown_grace = "2s"
}
group "prod" {
  action "greet" {
    input "name" {
      type    = string
      pattern = "^[a-z]+$"
    }
    run {
      command = ["echo", "hello \${var.name}"]
    }
  }
  action "secret" {
    input "token" {
      type      = string
      sensitive = true
    }
    run {
      command = ["printenv", "TOKEN"]
      env     = { TOKEN = var.token }
    }
  }
  action "slow" {
    run {
      command = ["sh", "-c", "echo begun; sleep 30"]
    }
  }
  action "chatty" {
    run {
      command = ["sh", "-c", "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo line $i; done"]
    }
  }
  action "once" {
    limits {
      max_per_hour = 1
    }
    run {
      command = ["true"]
    }
  }
}
`;

let side: OtherSide;
let house: Household;
beforeEach(async () => {
  side = await openOtherSide();
  house = await enrolled(side, file);
});
afterEach(async () => {
  await side[Symbol.asyncDispose]();
  house[Symbol.dispose]();
});

const endOf = (run: string) => side.hear('end', (frame) => frame.run === run);

describe('a run', () => {
  test('is offered, accepted, begun, streamed, ended and forgotten', async () => {
    await using _agent = startAgent(house);
    const hello = await side.hear('hello');
    expect(hello).toMatchObject({
      protocol: 1,
      concurrency: 4,
      runs: [],
      groups: ['prod'],
      shares_user: true,
    });
    expect(hello.definitions.map(({ operation }) => operation)).toEqual([
      'greet',
      'secret',
      'slow',
      'chatty',
      'once',
    ]);
    expect(JSON.stringify(hello)).not.toContain('echo');
    await side.hear('poll', ({ slots }) => slots === 4);
    const { run } = await side.offer({ operation: 'greet', inputs: { name: { value: 'world' } } });
    const accept = await side.hear('accept', (frame) => frame.run === run);
    expect(accept.incarnation).toBe(hello.incarnation);
    const end = await endOf(run);
    expect(end.outcome).toMatchObject({ result: 'succeeded', operations: [{ result: 'succeeded' }] });
    expect(side.output(run)).toBe('hello world\n');
    // Another run uses the same file: nothing of the first is waited for any more.
    await endOf((await side.offer({ operation: 'greet', inputs: { name: { value: 'again' } } })).run);
    expect(readdirSync(join(house.state, 'spool'))).toEqual(['0.spool']);
  });

  test('gets a sealed input that is in no frame, and its output is masked', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const secret = 'correct-horse-battery';
    const salt = randomBytes(16).toString('base64url');
    const { run } = await side.offer({ operation: 'secret', inputs: { token: { value: secret, salt } } });
    expect((await endOf(run)).outcome.result).toBe('succeeded');
    expect(side.output(run)).not.toContain(secret);
    expect(side.output(run).length).toBeGreaterThan(0);
    const kept = readFileSync(join(house.state, 'journal.log'), 'latin1');
    expect(kept).not.toContain(secret);
  });

  test.each([
    ['of another agent', { agent: '0197a0c0-0000-7000-8000-000000000001' }, 'wrong_audience'],
    ['of another project', { project: '0197a0c0-0000-7000-8000-000000000001' }, 'wrong_audience'],
    [
      'that has expired',
      { issued_at: Date.now() - 120_000, not_after: Date.now() - 60_000 },
      'intent_expired',
    ],
    ['from the future', { issued_at: Date.now() + 600_000, not_after: Date.now() + 660_000 }, 'clock_skew'],
    ['that is good for too long', { not_after: Date.now() + 3_600_000 }, 'invalid_intent'],
    ['about other inputs', { inputs_digest: 'sha256:00' }, 'invalid_intent'],
    ['about a definition that is gone', { definition_digest: `sha256:${'1'.repeat(64)}` }, 'digest_gone'],
    ['about an action that does not exist', { operation: 'nothing' }, 'unknown_operation'],
    ['about another attempt', { attempt: 2 }, 'wrong_audience'],
  ])('is refused where the intent is %s', async (_what, intent, code) => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'greet', inputs: { name: { value: 'world' } }, intent });
    expect(await side.hear('refuse', (frame) => frame.run === run)).toMatchObject({ code });
  });

  test('is refused where inputs break their pattern, are unknown, or a sensitive one came without a seal', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    for (const [operation, inputs] of [
      ['greet', { name: { value: '; rm -rf /' } }],
      ['greet', { name: { value: 'a' }, more: { value: 1 } }],
      ['greet', {}],
      ['secret', { token: { value: 'in the clear' } }],
    ] as const) {
      const { run } = await side.offer({ operation, inputs });
      const refusal = await side.hear('refuse', (frame) => frame.run === run);
      expect(refusal.code).toBe('inputs_rejected');
      expect(refusal.message).not.toContain('rm -rf');
    }
  });

  test('is refused when it was offered before (replay), and when the limits of the file say so', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'once' });
    await endOf(run);
    await side
      .until('the run to be forgotten', () => side.current().frames.at(-1)?.type !== 'end', 1_000)
      .catch(() => undefined);
    await delay(50);
    await side.offer({ operation: 'once', run });
    expect(await side.hear('refuse', (frame) => frame.run === run)).toMatchObject({ code: 'replayed' });
    const { run: second } = await side.offer({ operation: 'once' });
    expect(await side.hear('refuse', (frame) => frame.run === second)).toMatchObject({
      code: 'limit_reached',
    });
  });

  test('starts nothing before its go, and is canceled while it waits', async () => {
    side.manners.go = false;
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run, attempt } = await side.offer({ operation: 'greet', inputs: { name: { value: 'x' } } });
    await side.hear('accept');
    await delay(200);
    expect(side.output(run)).toBe('');
    side.send({ type: 'cancel', run, attempt, reason: 'requested', grace_ms: 100 });
    expect((await endOf(run)).outcome).toMatchObject({ result: 'canceled', operations: [] });
  });

  test('is canceled while it runs', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run, attempt } = await side.offer({ operation: 'slow' });
    await side.hear('output', (frame) => frame.run === run);
    side.send({ type: 'cancel', run, attempt, reason: 'requested', grace_ms: 100 });
    expect((await endOf(run)).outcome.result).toBe('canceled');
  });

  test('a cancel that overtakes its offer keeps it from starting', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const run = '0197a0c0-0000-7000-8000-0000000000cc';
    side.send({ type: 'cancel', run, attempt: 1, reason: 'requested', grace_ms: 100 });
    await delay(50);
    await side.offer({ operation: 'greet', run, inputs: { name: { value: 'x' } } });
    expect(await side.hear('refuse', (frame) => frame.run === run)).toMatchObject({ code: 'replayed' });
  });
});

describe('a connection', () => {
  test('that breaks loses and doubles no output, and the run goes on meanwhile', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const cutter = setInterval(() => side.cut(), 120);
    const { run } = await side.offer({ operation: 'chatty' });
    await side.until('output', () => side.output(run).length > 0);
    await delay(600);
    clearInterval(cutter);
    await endOf(run);
    const lines = side.output(run).trimEnd().split('\n');
    expect(lines).toEqual(Array.from({ length: 2_000 }, (_, index) => `line ${index + 1}`));
    expect(side.peers.length).toBeGreaterThan(1);
  });

  test('is made anew with the runs in hand, and what was not acknowledged is sent again', async () => {
    side.manners.acknowledge = false;
    side.manners.acknowledgeEnds = false;
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'greet', inputs: { name: { value: 'again' } } });
    await endOf(run);
    side.cut();
    await side.until(
      'a second connection',
      () => side.peers.length === 2 && side.current().frames.length > 0,
    );
    await side.until('the end again', () => side.current().frames.some(({ type }) => type === 'end'));
    const [hello] = side.current().frames;
    expect(hello).toMatchObject({ type: 'hello', runs: [{ run, attempt: 1, state: 'ended' }] });
    const again = side.current().frames.filter((frame) => 'seq' in frame);
    const first = side.peers[0]?.frames.filter((frame) => 'seq' in frame);
    expect(again).toEqual(first);
  });

  test('whose other side falls silent is given up and made anew (watchdog)', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    side.manners.pong = false;
    await side.until('a second connection', () => side.peers.length >= 2, 15_000);
    expect(side.peers[0]?.open).toBe(false);
  });

  test('sends heartbeats with the counter of the journal, which never goes back', async () => {
    await using _agent = startAgent(house);
    const { journal_counter: first } = await side.hear('hello');
    const { run } = await side.offer({ operation: 'greet', inputs: { name: { value: 'x' } } });
    await endOf(run);
    const later = await side.hear('heartbeat', (frame) => frame.journal_counter > first);
    expect(later.now).toBeGreaterThan(Date.now() - 60_000);
  });

  test('frames of a connection that was replaced are dropped', async () => {
    await using _agent = startAgent(house);
    await side.hear('poll');
    const old = side.current();
    side.manners.pong = true;
    side.send({ type: 'rotate' });
    await side.until('the connection with the renewed certificate', () => side.peers.length === 2);
    expect(side.current().generation).toBe(2);
    await side.until('the old connection to end', () => !old.open);
    expect(side.renewals).toHaveLength(1);
    const { run } = await side.offer({ operation: 'greet', inputs: { name: { value: 'x' } } });
    expect((await endOf(run)).outcome.result).toBe('succeeded');
  });

  test('to a server that answers nonsense is closed with a code and tried again', async () => {
    await using agent = startAgent(house);
    await side.hear('poll');
    side.current().socket.send('{"type":"launch_missiles"}');
    await side.until('a second connection', () => side.peers.length === 2);
    expect(agent.lines.join('')).toContain('unknown_frame');
    side.manners.welcome = false;
    side.cut();
    await side.until('a third connection', () => side.peers.length === 3);
    await side.until('its hello', () => side.current().frames.length > 0);
    side.send({ type: 'drain' });
    await side.until('that it is closed', () => side.peers[2]?.open === false);
  });

  test('waits as long as a refusal asks for', async () => {
    side.manners.refuseUpgrade = { status: 503, code: 'unavailable', retryAfter: 1 };
    await using agent = startAgent(house);
    await side.until('a refusal', () => agent.lines.some((line) => line.includes('retry_ms')));
    const line = agent.lines.find((each) => each.includes('retry_ms')) ?? '';
    expect(Number(/"retry_ms":(\d+)/.exec(line)?.[1])).toBeGreaterThanOrEqual(1_000);
    side.manners.refuseUpgrade = null;
    await side.hear('hello');
  });

  test('is tried again after a wait with full jitter that grows to a bound', () => {
    const waits = Array.from({ length: 12 }, (_, failures) =>
      backoffMs(failures, { random: () => 0.999, retryAfterMs: null }),
    );
    expect(waits[0]).toBeLessThanOrEqual(1_000);
    expect(waits.at(-1)).toBeLessThanOrEqual(60_000);
    expect(waits.at(-1)).toBeGreaterThan(50_000);
    expect(backoffMs(5, { random: () => 0, retryAfterMs: null })).toBe(0);
    expect(backoffMs(0, { random: () => 0, retryAfterMs: 4_000 })).toBe(4_000);
  });
});

describe('leaving', () => {
  test('lets what runs finish, reports it, and answers 0', async () => {
    const agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'chatty' });
    await side.hear('output', (frame) => frame.run === run);
    agent.terminate();
    await side.hear('drain');
    expect(await agent.left).toBe(0);
    expect((await endOf(run)).outcome.result).toBe('succeeded');
    expect(side.current().frames.findLast(({ type }) => type === 'poll')).toMatchObject({ slots: 0 });
  });

  test('cancels what does not finish within the grace (R14: the final status is not lost)', async () => {
    const agent = startAgent(house, { flags: { shutdownGrace: '300ms' } });
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'slow' });
    await side.hear('output', (frame) => frame.run === run);
    agent.terminate();
    const { run: late } = await side.offer({ operation: 'chatty' });
    expect(await side.hear('refuse', (frame) => frame.run === late)).toMatchObject({ code: 'draining' });
    expect(await agent.left).toBe(0);
    expect((await endOf(run)).outcome).toMatchObject({ result: 'canceled' });
  });

  test('hurries at the second signal', async () => {
    const agent = startAgent(house, { flags: { shutdownGrace: '1h' } });
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'slow' });
    await side.hear('output', (frame) => frame.run === run);
    agent.terminate();
    agent.terminate();
    expect(await agent.left).toBe(0);
    expect((await endOf(run)).outcome.result).toBe('canceled');
  });

  test('follows the server, too', async () => {
    const agent = startAgent(house);
    await side.hear('poll');
    side.send({ type: 'drain' });
    expect(await agent.left).toBe(0);
  });

  test('after a revocation stops what runs and says so', async () => {
    const agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'slow' });
    await side.hear('output', (frame) => frame.run === run);
    side.current().socket.close(closeCodes.agent_revoked, 'agent_revoked');
    expect(await agent.left).toBe(77);
    expect(agent.lines.join('')).toContain('This agent was revoked');
    expect(side.heard.some((frame) => frame.type === 'end')).toBe(false);
  });

  test('with groups that nobody knows answers 78 and says which there are (R12)', async () => {
    side.manners.unknownGroups = ['prod'];
    side.manners.knownGroups = ['staging'];
    const agent = startAgent(house);
    expect(await agent.left).toBe(78);
    expect(agent.lines.join('')).toContain('staging');
  });
});

describe('a second process', () => {
  test('on the same state folder is refused by name of the first', async () => {
    await using _first = startAgent(house);
    await side.hear('poll');
    await expect(startAgent(house).left).rejects.toMatchObject({ code: 'state_locked' });
    await expect(startAgent(house).left).rejects.toThrow(String(process.pid));
  });

  test('without an identity is told to enrol', async () => {
    const empty = startAgent({ ...house, state: join(house.folder, 'empty') });
    await expect(empty.left).rejects.toMatchObject({ code: 'not_enrolled' });
    expect(existsSync(join(house.folder, 'empty'))).toBe(true);
  });
});
