import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { closeCodeOf } from '../../../control-plane/channel/close-code.ts';
import { Failure } from '../../../protocol/failures.ts';
import { closeCodes, encodeFrame, parseAgentFrame } from '../../../protocol/frames.ts';
import { frameBytesMax } from '../../../protocol/limits.ts';
import { agentId, dial, hello, openHarness, until } from './harness.ts';
import type { Credentials, Harness } from './harness.ts';

let harness: Harness;
let credentials: Credentials;
beforeAll(async () => {
  harness = await openHarness({ limits: { handshakeMsMax: 1_000, socketCloseMsMax: 300 } });
  credentials = await harness.agent(agentId());
});
afterAll(async () => {
  await harness[Symbol.asyncDispose]();
});

/** The listener is alive when a well-behaved agent gets through. */
async function expectAlive(): Promise<void> {
  const before = harness.heard.hello.length;
  const agent = await dial(harness, await harness.agent(agentId()));
  agent.send(hello());
  await until('the hello is heard', () => harness.heard.hello.length > before);
  agent.socket.terminate();
}

async function openTls(): Promise<TLSSocket> {
  const { port } = harness.channel;
  const socket = connect({ port, host: '127.0.0.1', ca: harness.serverTls.ca, ...credentials });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

const upgrade = [
  'GET /agent HTTP/1.1',
  'Host: wayside',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Protocol: wayside.v1',
  '',
  '',
].join('\r\n');

interface Ending {
  readonly bytes: Buffer;
  /** The code of the close frame (RFC 6455, section 5.5.1); null where there was none. */
  readonly code: number | null;
}

/** Upgrades by hand, sends raw bytes, and collects what comes until the server ends it. */
async function sendRaw(pieces: readonly Uint8Array[]): Promise<Ending> {
  const socket = await openTls();
  const received: Buffer[] = [];
  let isUpgraded = false;
  socket.on('data', (data: Buffer) => received.push(data));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write(upgrade);
  await until('it is upgraded', () => {
    isUpgraded = Buffer.concat(received).includes('\r\n\r\n');
    return isUpgraded;
  });
  const head = Buffer.concat(received).indexOf('\r\n\r\n') + 4;
  for (const piece of pieces) socket.write(piece);
  await closed;
  const bytes = Buffer.concat(received).subarray(head);
  const at = bytes.lastIndexOf(0x88);
  return { bytes, code: at >= 0 && bytes.length >= at + 4 ? bytes.readUInt16BE(at + 2) : null };
}

/** A frame as RFC 6455, section 5.2 draws it, with anything in it wrong on purpose. */
function rawFrame(options: {
  readonly first: number;
  readonly payload?: Uint8Array;
  readonly masked?: boolean;
  readonly length?: bigint;
}): Buffer {
  const payload = Buffer.from(options.payload ?? []);
  const masked = options.masked ?? true;
  const length = options.length ?? BigInt(payload.length);
  const mask = randomBytes(4);
  const head = Buffer.alloc(10);
  head[0] = options.first;
  head[1] = (masked ? 0x80 : 0) | 127;
  head.writeBigUInt64BE(length, 2);
  const short = length < 126n;
  const header = short ? Buffer.from([options.first, (masked ? 0x80 : 0) | Number(length)]) : head;
  if (!masked) return Buffer.concat([header, payload]);
  return Buffer.concat([header, mask, payload.map((byte, index) => byte ^ mask[index & 3]!)]);
}

const text = (value: string) => Buffer.from(value);
const invalidUtf8 = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);

describe('raw bytes on an upgraded socket', () => {
  const cases: readonly [string, readonly Uint8Array[], number][] = [
    ['an unmasked frame', [rawFrame({ first: 0x81, payload: text('{}'), masked: false })], 1002],
    ['the bit RSV1', [rawFrame({ first: 0xc1, payload: text('{}') })], 1002],
    ['the bit RSV2', [rawFrame({ first: 0xa1, payload: text('{}') })], 1002],
    ['the bit RSV3', [rawFrame({ first: 0x91, payload: text('{}') })], 1002],
    ['an unknown opcode', [rawFrame({ first: 0x83, payload: text('{}') })], 1002],
    ['an unknown control opcode', [rawFrame({ first: 0x8b })], 1002],
    ['a continuation of nothing', [rawFrame({ first: 0x80, payload: text('{}') })], 1002],
    ['a fragmented ping', [rawFrame({ first: 0x09 })], 1002],
    ['a ping that is too long', [rawFrame({ first: 0x89, payload: Buffer.alloc(126) })], 1002],
    ['a length of 2^62', [rawFrame({ first: 0x81, length: 2n ** 62n })], 1009],
    ['a length with the first bit set', [rawFrame({ first: 0x81, length: 2n ** 63n })], 1009],
    ['a length one over the limit', [rawFrame({ first: 0x81, length: BigInt(frameBytesMax + 1) })], 1009],
    ['text that is not UTF-8', [rawFrame({ first: 0x81, payload: invalidUtf8 })], 1007],
    [
      'text within fragments',
      [rawFrame({ first: 0x01, payload: text('{') }), rawFrame({ first: 0x81, payload: text('}') })],
      1002,
    ],
    [
      'fragments that add up beyond the limit',
      Array.from({ length: 20 }, (_, n) =>
        rawFrame({ first: n === 0 ? 1 : 0, payload: Buffer.alloc(65_536, 'x') }),
      ),
      1009,
    ],
    ['empty fragments without end', [Buffer.concat(manyFragments(20_000))], 1008],
    ['a close frame of one byte', [rawFrame({ first: 0x88, payload: Buffer.alloc(1) })], 1002],
    [
      'a close frame with a code nobody may send',
      [rawFrame({ first: 0x88, payload: Buffer.from([0x03, 0xed]) })],
      1002,
    ],
    ['an empty message', [rawFrame({ first: 0x81 })], closeCodes.protocol_error],
    ['a binary message', [rawFrame({ first: 0x82, payload: text('{}') })], closeCodes.protocol_error],
    ['a ping flood', Array.from({ length: 200 }, () => rawFrame({ first: 0x89, payload: text('x') })), 4400],
  ];
  it.each(cases)('%s is answered with the right close code', async (_what, pieces, code) => {
    expect((await sendRaw(pieces)).code).toBe(code);
  });

  it('a hello in many fragments and with pings between them is a hello', async () => {
    const before = harness.heard.hello.length;
    const whole = text(encodeFrame(hello()));
    const socket = await openTls();
    socket.write(upgrade);
    for (const [index, byte] of whole.entries()) {
      const last = index === whole.length - 1;
      socket.write(
        rawFrame({ first: (index === 0 ? 1 : 0) | (last ? 0x80 : 0), payload: Buffer.from([byte]) }),
      );
      if (index % 40 === 0) socket.write(rawFrame({ first: 0x89 }));
    }
    await until('the hello is heard', () => harness.heard.hello.length > before);
    socket.destroy();
  });

  it('random bytes end the connection and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 2, maxLength: 400 }), async (bytes) => {
        const socket = await openTls();
        socket.resume();
        const closed = new Promise((resolve) => socket.on('close', resolve));
        socket.write(upgrade);
        socket.end(bytes);
        await closed;
      }),
      { numRuns: 60 },
    );
    await expectAlive();
  });
});

describe('raw bytes before that', () => {
  it('instead of a handshake or a request end the connection and nothing else', async () => {
    const requests = [
      'GET / HTTP/1.1\r\nHost: wayside\r\n\r\n',
      'POST /renew HTTP/1.1\r\nHost: wayside\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n{',
      'POST /renew HTTP/1.1\r\nHost: wayside\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      `GET /agent HTTP/1.1\r\n${'x'.repeat(70_000)}`,
      upgrade.replace('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Key: short'),
      upgrade.replace('Version: 13', 'Version: 7'),
      upgrade.replace('GET', 'POST'),
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
      '\0\0\0\0',
    ];
    for (const request of requests) {
      const socket = await openTls();
      socket.resume();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.end(request);
      await closed;
    }
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\xff\xff', randomBytes(300), '']) {
      const socket = connectTcp(harness.channel.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.resume();
      const closed = new Promise((resolve) => socket.on('close', resolve));
      socket.end(bytes);
      await closed;
    }
    await expectAlive();
    // An upgrade that the WebSocket layer refused after the deny list was asked is gone like any other.
    await until('all are gone', () => [...harness.channel.online()].length === 0);
  });

  it('a client that never speaks is dropped', async () => {
    const socket = connectTcp(harness.channel.port, '127.0.0.1');
    socket.on('error', () => undefined);
    socket.resume();
    await new Promise((resolve) => socket.on('close', resolve));
    const silent = await openTls();
    silent.resume();
    await new Promise((resolve) => silent.on('close', resolve));
  });
});

describe('the frame parser', () => {
  const json = fc.json({ maxDepth: 6 });
  const frameLike = fc.record(
    {
      type: fc.constantFrom(
        'hello',
        'poll',
        'accept',
        'refuse',
        'output',
        'status',
        'progress',
        'end',
        'heartbeat',
      ),
      run: fc.oneof(fc.uuid({ version: 7 }), fc.string()),
      attempt: fc.oneof(fc.integer(), fc.double()),
      seq: fc.oneof(fc.integer(), fc.maxSafeInteger()),
      slots: fc.anything(),
      bytes: fc.oneof(fc.base64String(), fc.string()),
      values: fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.jsonValue()),
      outcome: fc.jsonValue(),
    },
    { requiredKeys: ['type'] },
  );
  const inputs = fc.oneof(
    fc.string(),
    json,
    frameLike.map((frame) => JSON.stringify(frame) ?? ''),
  );

  it('answers any text with a frame or with a failure that closes the connection', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        try {
          const frame = parseAgentFrame(input);
          expect(parseAgentFrame(encodeFrame(frame))).toEqual(frame);
        } catch (cause) {
          expect(cause).toBeInstanceOf(Failure);
          expect([closeCodes.protocol_error, closeCodes.frame_too_large]).toContain(
            closeCodeOf((cause as Failure).code),
          );
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('puts nothing on the prototype of objects', () => {
    const frame =
      '{"type":"poll","slots":1,"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}';
    expect(parseAgentFrame(frame)).toEqual({ type: 'poll', slots: 1 });
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });
});

function manyFragments(count: number): Buffer[] {
  const empty = rawFrame({ first: 0 });
  return Array.from({ length: count }, (_, n) => (n === 0 ? rawFrame({ first: 1 }) : empty));
}
