import { WebSocket } from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../../control-plane/channel/clock.ts';
import { openChannel } from '../../../control-plane/channel/open-channel.ts';
import { Failure } from '../../../protocol/failures.ts';
import type { FailureCode } from '../../../protocol/failures.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { frameBytesMax } from '../../../protocol/limits.ts';
import { openInstallation } from '../pki/installation.ts';
import type { Installation } from '../pki/installation.ts';
import { agentId, dial, hello, openHarness, opensslWithOurCa, spiffe, until } from './harness.ts';
import type { Dialled, Harness } from './harness.ts';

let installation: Installation;
let harness: Harness;
beforeAll(async () => {
  installation = await openInstallation();
  harness = await openHarness({ installation });
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
  await installation[Symbol.asyncDispose]();
});

async function connected(on = harness, id = agentId()): Promise<Dialled & { readonly id: string }> {
  const agent = await dial(on, await on.agent(id));
  agent.send(hello());
  await until('the hello is heard', () => on.heard.hello.some((one) => one.agentId === id));
  return { ...agent, id };
}

const run = (n: number) => `01890000-0000-7000-a000-${n.toString(16).padStart(12, '0')}`;

describe('a connection', () => {
  it('handles frames of one run in order and different runs side by side', async () => {
    await using fresh = await openHarness({ installation });
    const seen: string[] = [];
    const release: (() => void)[] = [];
    fresh.handlers.frame = async (_connection, frame) => {
      if (frame.type !== 'output') return;
      seen.push(`${frame.run === run(1) ? 'a' : 'b'}${frame.seq}`);
      if (frame.run === run(1)) await new Promise<void>((resolve) => release.push(resolve));
    };
    const agent = await connected(fresh);
    const output = (n: number, seq: number) =>
      agent.send({
        type: 'output',
        run: run(n),
        attempt: 1,
        seq,
        operation: 'x',
        stream: 'stdout',
        bytes: '',
      });
    for (const seq of [1, 2, 3]) {
      output(1, seq);
      output(2, seq);
    }
    await until('run b is through while run a waits', () => seen.includes('b3'));
    expect(seen).toEqual(['a1', 'b1', 'b2', 'b3']);
    for (const next of [2, 3]) {
      release.shift()?.();
      await until(`a${next} follows`, () => seen.includes(`a${next}`));
    }
    release.shift()?.();
    expect(seen).toEqual(['a1', 'b1', 'b2', 'b3', 'a2', 'a3']);
  });

  it('handles nothing before its hello has been handled', async () => {
    await using fresh = await openHarness({ installation });
    let greet: () => void = () => undefined;
    fresh.handlers.hello = () => new Promise((resolve) => (greet = resolve));
    const agent = await dial(fresh, await fresh.agent(agentId()));
    agent.send(hello());
    agent.send({ type: 'poll', slots: 3 });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fresh.heard.frames).toEqual([]);
    greet();
    await until('the poll is heard', () => fresh.heard.frames.length === 1);
  });

  it('is closed by a newer one of the same agent, and says gone once for each', async () => {
    const id = agentId();
    const first = await connected(harness, id);
    const second = await connected(harness, id);
    expect(await first.closed).toEqual({ code: closeCodes.session_replaced, reason: 'session_replaced' });
    expect(first.frames.at(-1)).toMatchObject({ type: 'reject', code: 'session_replaced' });
    const current = harness.channel.connection(id);
    expect(current?.session).toBe(
      Math.max(...harness.heard.hello.filter((c) => c.agentId === id).map((c) => c.session)),
    );
    await until(
      'the first is gone',
      () => harness.heard.gone.filter((one) => one.agentId === id).length === 1,
    );
    expect(harness.channel.connection(id)).toBe(current);
    second.socket.terminate();
    await until(
      'the second is gone',
      () => harness.heard.gone.filter((one) => one.agentId === id).length === 2,
    );
    expect(harness.channel.connection(id)).toBeNull();
  });

  it('sends frames to the agent and tells when it cannot', async () => {
    const agent = await connected();
    const connection = harness.channel.connection(agent.id);
    expect(connection?.send({ type: 'drain' })).toBe(true);
    await until('it arrived', () => agent.frames.some((frame) => frame.type === 'drain'));
    connection?.close(closeCodes.agent_revoked, 'agent_revoked');
    expect(connection?.send({ type: 'drain' })).toBe(false);
    expect(await agent.closed).toEqual({ code: closeCodes.agent_revoked, reason: 'agent_revoked' });
    connection?.close(closeCodes.unavailable, 'unavailable');
  });

  it('keeps no more for an agent that does not read than its limit', async () => {
    await using fresh = await openHarness({ installation, limits: { sendBufferBytesMax: 256 * 1024 } });
    const agent = await connected(fresh);
    agent.socket.pause();
    const connection = fresh.channel.connection(agent.id);
    const message = 'x'.repeat(4_000);
    let refused = 0;
    for (let sent = 0; sent < 20_000 && refused === 0; sent += 1) {
      if (connection?.send({ type: 'reject', code: 'busy', message, retry_after_ms: null }) !== true)
        refused += 1;
      if (sent % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(refused).toBe(1);
    expect(connection?.bufferedBytes()).toBeLessThanOrEqual(256 * 1024 + 8_192);
    agent.socket.terminate();
  });

  const malformed: readonly [string, (agent: Dialled) => void, number, FailureCode | ''][] = [
    ['no JSON', (agent) => agent.socket.send('hello?'), closeCodes.protocol_error, 'invalid_json'],
    [
      'JSON of another shape',
      (agent) => agent.socket.send('[1]'),
      closeCodes.protocol_error,
      'protocol_error',
    ],
    [
      'a frame with a wrong member',
      (agent) => agent.socket.send('{"type":"poll","slots":-1}'),
      closeCodes.protocol_error,
      'protocol_error',
    ],
    [
      'an unknown frame',
      (agent) => agent.socket.send('{"type":"shell"}'),
      closeCodes.protocol_error,
      'unknown_frame',
    ],
    [
      'a frame of the other direction',
      (agent) => agent.socket.send('{"type":"drain2"}'),
      closeCodes.protocol_error,
      'unknown_frame',
    ],
    [
      'a binary message',
      (agent) => agent.socket.send(Buffer.from('{}')),
      closeCodes.protocol_error,
      'protocol_error',
    ],
    ['a second hello', (agent) => agent.send(hello()), closeCodes.protocol_error, 'protocol_error'],
    [
      'nesting without end',
      (agent) => agent.socket.send('['.repeat(200_000)),
      closeCodes.protocol_error,
      'invalid_json',
    ],
    [
      'nesting that is closed again',
      (agent) => agent.socket.send(`{"type":"poll","slots":1,"x":${'['.repeat(1_000)}${']'.repeat(1_000)}}`),
      closeCodes.protocol_error,
      'invalid_json',
    ],
    // Refused before it is read, by the layer below: 1009 of RFC 6455, section 7.4.1.
    ['a message over the limit', (agent) => agent.socket.send('x'.repeat(frameBytesMax + 1)), 1009, ''],
  ];
  it.each(malformed)('closes for %s with the right code', async (_what, misbehave, code, reason) => {
    const agent = await connected();
    const before = harness.heard.reports.length;
    misbehave(agent);
    expect(await agent.closed).toEqual({ code, reason });
    await until('it is reported', () => harness.heard.reports.length > before);
    expect(harness.heard.reports.at(-1)).toMatchObject({ kind: 'frame_refused', agentId: agent.id });
  });

  it('closes when the first frame is not hello, and when none comes in time', async () => {
    await using fresh = await openHarness({ installation, limits: { helloMsMax: 100 } });
    const eager = await dial(fresh, await fresh.agent(agentId()));
    eager.send({ type: 'poll', slots: 1 });
    expect(await eager.closed).toEqual({ code: closeCodes.protocol_error, reason: 'protocol_error' });
    const silent = await dial(fresh, await fresh.agent(agentId()));
    expect(await silent.closed).toEqual({ code: closeCodes.protocol_error, reason: 'protocol_error' });
    expect(fresh.heard.hello).toEqual([]);
  });

  it('closes with the code of the failure that a handler reports', async () => {
    await using fresh = await openHarness({ installation });
    const cases: readonly [unknown, number, string][] = [
      [new Failure('not_your_run', 'The run is of another agent.'), closeCodes.not_your_run, 'not_your_run'],
      [new Failure('quarantined', 'A copy.'), closeCodes.quarantined, 'quarantined'],
      [new Failure('store_failed', 'The disk.'), closeCodes.unavailable, 'store_failed'],
      [new Error('a bug'), closeCodes.unavailable, 'internal'],
    ];
    for (const [cause, code, reason] of cases) {
      fresh.handlers.frame = () => Promise.reject(cause);
      const agent = await connected(fresh);
      agent.send({ type: 'poll', slots: 1 });
      expect(await agent.closed).toEqual({ code, reason });
      expect(JSON.stringify(agent.frames)).not.toContain('a bug');
    }
    fresh.handlers.hello = () => {
      throw new Error('thrown, not rejected');
    };
    const agent = await dial(fresh, await fresh.agent(agentId()));
    agent.send(hello());
    expect((await agent.closed).code).toBe(closeCodes.unavailable);
  });

  it('says gone only after what was being handled is done, and forgets what waited', async () => {
    await using fresh = await openHarness({ installation });
    let release: () => void = () => undefined;
    let handled = 0;
    fresh.handlers.frame = async () => {
      handled += 1;
      await new Promise<void>((resolve) => (release = resolve));
    };
    const agent = await connected(fresh);
    agent.send({ type: 'poll', slots: 1 });
    agent.send({ type: 'poll', slots: 2 });
    await until('the first poll is being handled', () => handled === 1);
    agent.socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(fresh.heard.gone).toEqual([]);
    release();
    await until('it is gone', () => fresh.heard.gone.length === 1);
    expect(handled).toBe(1);
  });

  it('stops reading its socket while too many frames wait, and goes on afterwards', async () => {
    await using fresh = await openHarness({ installation, limits: { inboxFramesMax: 8 } });
    const waiting: (() => void)[] = [];
    let handled = 0;
    let most = 0;
    fresh.handlers.frame = async () => {
      handled += 1;
      await new Promise<void>((resolve) => waiting.push(resolve));
      most = Math.max(most, waiting.length);
    };
    const agent = await connected(fresh);
    const total = 2_000;
    for (let n = 0; n < total; n += 1) {
      agent.send({
        type: 'status',
        run: run(n),
        attempt: 1,
        seq: 1,
        operation: 'x',
        message: 'y'.repeat(2_000),
        values: {},
        status: null,
      });
    }
    await until('eight are being handled', () => handled === 8);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(handled).toBeLessThan(200);
    const pump = setInterval(() => {
      for (const resolve of waiting.splice(0)) resolve();
    }, 1);
    await until('all went through', () => handled === total);
    clearInterval(pump);
    for (const resolve of waiting.splice(0)) resolve();
  });

  it('ends when its certificate does', async () => {
    await using ca = await opensslWithOurCa(installation.authorities);
    const id = agentId();
    const leaf = await ca.issue({
      subject: '/CN=agent/serialNumber=1',
      notAfter: new Date(Date.now() + 3_000),
      extensions: [
        `subjectAltName=URI:${spiffe(id)}`,
        'extendedKeyUsage=clientAuth',
        'subjectKeyIdentifier=hash',
        'authorityKeyIdentifier=keyid',
      ],
    });
    const cert = leaf.cert + installation.authorities.chain;
    const agent = await dial(harness, { key: leaf.key, cert });
    agent.send(hello());
    expect(await agent.closed).toEqual({
      code: closeCodes.certificate_rejected,
      reason: 'certificate_rejected',
    });
    expect(harness.heard.reports.at(-1)).toMatchObject({ kind: 'certificate_expired', agentId: id });
    await expect(dial(harness, { key: leaf.key, cert })).rejects.toThrow();
  });

  it('answers pings, and closes for a flood of them', async () => {
    const agent = await connected();
    const pongs: string[] = [];
    agent.socket.on('pong', (data) => pongs.push(data.toString()));
    agent.socket.ping('once');
    await until('the pong came', () => pongs.includes('once'));
    for (let n = 0; n < 1_000; n += 1) agent.socket.ping(String(n));
    expect(await agent.closed).toEqual({ code: closeCodes.protocol_error, reason: 'protocol_error' });
  });
});

describe('the way in', () => {
  it('refuses another subprotocol, another path, another method', async () => {
    const credentials = await harness.agent(agentId());
    for (const protocol of [null, 'wayside.v2', 'wayside']) {
      await expect(dial(harness, credentials, { protocol })).rejects.toThrow(
        'Unexpected server response: 400',
      );
    }
    const elsewhere = new WebSocket(`wss://127.0.0.1:${harness.channel.port}/other`, 'wayside.v1', {
      ca: harness.serverTls.ca,
      ...credentials,
    });
    await expect(
      new Promise((resolve, reject) => elsewhere.on('open', resolve).on('error', reject)),
    ).rejects.toThrow('404');
  });

  it('answers a refusal with its problem document and when to come again', async () => {
    await using fresh = await openHarness({ installation });
    fresh.handlers.authenticate = async () =>
      new Failure('approval_pending', 'A person must approve this agent first.', {
        details: { retry_after_ms: 5_000 },
      });
    const socket = new WebSocket(fresh.channel.url, 'wayside.v1', {
      ca: fresh.serverTls.ca,
      ...(await fresh.agent(agentId())),
    });
    const answer = await new Promise<{ status: number; retryAfter: string; body: string }>((resolve) => {
      socket.on('unexpected-response', (_request, response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            retryAfter: response.headers['retry-after'] ?? '',
            body,
          }),
        );
      });
    });
    expect(answer).toMatchObject({ status: 403, retryAfter: '5' });
    expect(JSON.parse(answer.body)).toMatchObject({ code: 'approval_pending', retry_after_ms: 5_000 });
    expect(fresh.heard.gone).toEqual([]);
  });

  it('refuses when the deny list cannot be asked, and goes on', async () => {
    await using fresh = await openHarness({ installation });
    const credentials = await fresh.agent(agentId());
    const { authenticate } = fresh.handlers;
    fresh.handlers.authenticate = () => Promise.reject(new Error('the store is away'));
    await expect(dial(fresh, credentials)).rejects.toThrow('500');
    fresh.handlers.authenticate = authenticate;
    (await dial(fresh, credentials)).socket.terminate();
  });

  it('says gone also for a socket that ended before its upgrade was answered', async () => {
    await using fresh = await openHarness({ installation });
    let answer: (value: { session: number }) => void = () => undefined;
    fresh.handlers.authenticate = () => new Promise((resolve) => (answer = resolve));
    let isAsked = false;
    const asked = fresh.handlers.authenticate;
    fresh.handlers.authenticate = (...args) => {
      isAsked = true;
      return asked(...args);
    };
    const socket = new WebSocket(fresh.channel.url, 'wayside.v1', {
      ca: fresh.serverTls.ca,
      ...(await fresh.agent(agentId())),
    });
    socket.on('error', () => undefined);
    await until('it is asked', () => isAsked);
    socket.terminate();
    await new Promise((resolve) => setTimeout(resolve, 50));
    answer({ session: 9 });
    await until('it is gone', () => fresh.heard.gone.length === 1);
    expect([...fresh.channel.online()]).toEqual([]);
  });

  it('tells that the port is in use', async () => {
    await using fresh = await openHarness({ installation });
    await expect(
      openChannel({
        host: '127.0.0.1',
        port: fresh.channel.port,
        trustDomain: 'test.wayside',
        issuerOf: async () => null,
        tls: fresh.serverTls,
        handlers: fresh.handlers,
        clock: systemClock(),
        report: () => undefined,
      }),
    ).rejects.toMatchObject({ code: 'port_in_use' });
  });

  it('closes with a code for every agent, and leaves nothing open', async () => {
    const fresh = await openHarness({ installation });
    const agents = await Promise.all([connected(fresh), connected(fresh), connected(fresh)]);
    await fresh.channel.close();
    for (const agent of agents) {
      expect(await agent.closed).toEqual({ code: closeCodes.going_away, reason: 'unavailable' });
    }
    expect(fresh.heard.gone).toHaveLength(3);
    await expect(dial(fresh, await fresh.agent(agentId()))).rejects.toThrow('ECONNREFUSED');
  });
});
