// Following a run over a connection that breaks, against a server that speaks the published protocol and goes away
// when it is told to.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';
import { openClient } from '../../cli/client.ts';
import { followRun } from '../../cli/follow.ts';
import { openPrinter } from '../../cli/print.ts';
import type { Run } from '../../protocol/api/runs.ts';

const id = '0192aaaa-0000-7000-8000-000000000000';
const nothing = { id, name: 'x' };
const ran: Run = {
  id,
  project: nothing,
  action: nothing,
  group: nothing,
  operation: 'x',
  sequence: 1,
  state: 'running',
  priority: 0,
  attempt: 1,
  agent: null,
  agent_unreachable_since: null,
  requested_by: { id, name: 'ada' },
  reason: null,
  definition_digest: null,
  inputs: {},
  outcome: null,
  failure: null,
  evidence: null,
  cancel_requested_at: null,
  queued_at: 1,
  offered_at: 1,
  started_at: 1,
  ended_at: null,
  expires_at: 1,
  rebuilt: null,
  output_pruned_at: null,
  last_event: 0,
};
const output = (seq: number, bytes: Buffer) => ({
  kind: 'output',
  seq,
  at: 1,
  attempt: 1,
  operation: 'main',
  stream: 'stdout',
  bytes: bytes.toString('base64'),
});
const frame = (event: { seq: number; kind: string }) =>
  `id: ${event.seq}\nevent: ${event.kind}\ndata: ${JSON.stringify(event)}\n\n`;

let close = (): void => undefined;
afterEach(() => close());

async function follow(serve: (request: IncomingMessage, response: ServerResponse) => void) {
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = openClient({ url, token: 'wsp_x', project: 'default', ca: null });
  close = () => {
    server.closeAllConnections();
    server.close();
    void client.close();
  };
  let stdout = '';
  const streams = {
    stdout: {
      write: (chunk: string | Uint8Array) => (stdout += Buffer.from(chunk as Uint8Array).toString()),
    },
    stderr: { write: () => true },
  };
  const print = openPrinter(streams, { json: false, environment: {} });
  const pauses: number[] = [];
  const pause = (ms: number) => Promise.resolve(pauses.push(ms));
  const following = followRun(client, print, id, { raw: false, logsOnly: true, pause });
  return { following, pauses, stdout: () => stdout };
}

test('goes on behind the last event after every kind of break, and shows each once', async () => {
  const text = Buffer.from('one é two \u001b[31mthree\n');
  const events = Array.from(text, (byte, index) => output(index + 1, Buffer.from([byte])));
  const asked: (string | undefined)[] = [];
  let state: Run['state'] = 'running';
  const { following, pauses, stdout } = await follow((request, response) => {
    if (!request.url?.endsWith('/events')) {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ ...ran, state }));
      return;
    }
    const last = request.headers['last-event-id'] as string | undefined;
    asked.push(last);
    const rest = events.slice(Number(last ?? 0));
    if (asked.length === 2) {
      response.socket?.destroy();
    } else if (asked.length === 3) {
      response.statusCode = 503;
      response.end(
        JSON.stringify({ type: 'x', title: 'x', status: 503, code: 'unavailable', detail: 'later' }),
      );
    } else {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const event of rest.slice(0, 5)) response.write(frame(event));
      if (rest.length <= 5) state = 'succeeded';
      // Polite now and then, in the middle of an event otherwise.
      if (asked.length % 2 === 0 || state !== 'running') response.end();
      else response.write('id: 999\ndata: {"ki', () => response.socket?.destroy());
    }
  });
  expect((await following).state).toBe('succeeded');
  expect(stdout()).toBe('one é two three\n');
  expect(asked.slice(0, 4)).toEqual([undefined, '5', '5', '5']);
  // Each time it waited before it asked again, also where the server went away politely.
  expect(pauses.length).toBe(asked.length - 1);
});

test('gives up on a server that stays away, and at once on one that does not know us any more', async () => {
  const away = await follow((request) => request.socket.destroy());
  await expect(away.following).rejects.toMatchObject({ code: 'unreachable' });
  expect(away.pauses.length).toBe(30);
  close();
  const unknown = await follow((_request, response) => {
    response.statusCode = 401;
    response.end(
      JSON.stringify({ type: 'x', title: 'x', status: 401, code: 'invalid_token', detail: 'revoked' }),
    );
  });
  await expect(unknown.following).rejects.toMatchObject({ code: 'invalid_token' });
  expect(unknown.pauses.length).toBe(0);
});

test('says of somebody who is no Wayside that he is none', async () => {
  const html = await follow((_request, response) => response.end('<html>'));
  await expect(html.following).rejects.toThrow(/not as this version of Wayside does/);
  close();
  const gateway = await follow((_request, response) => {
    response.statusCode = 502;
    response.end('<html>');
  });
  await expect(gateway.following).rejects.toMatchObject({ code: 'unreachable' });
});
