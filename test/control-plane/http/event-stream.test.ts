// Event streams over real sockets: history and then live, resumed without a gap, at the reader's pace, and freed when
// the reader leaves.
import fastify from 'fastify';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../../support/eventually.ts';
import { sendEventStream } from '../../../control-plane/http/event-stream.ts';
import { eventStreamsPerPrincipalMax } from '../../../protocol/limits.ts';
import { advertise } from '../../support/advertise.ts';
import { makePerson, must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';
import { openSse } from '../../support/sse.ts';

describe('a stream', () => {
  /** Serves `source` at a free port; answers what became of the stream on the server's side. */
  async function serve(source: AsyncIterator<number>, mayGoOn?: () => boolean) {
    const app = fastify();
    let ended = false;
    app.get('/', async (_request, reply) => {
      const shape = (n: number) => ({
        id: String(n),
        event: 'number',
        data: { n, padding: 'x'.repeat(4_096) },
      });
      await sendEventStream(reply, { source, shape, ...(mayGoOn === undefined ? {} : { mayGoOn }) });
      ended = true;
      return reply;
    });
    const url = await app.listen({ host: '127.0.0.1', port: 0 });
    return { url, hasEnded: () => ended, close: () => app.close() };
  }

  function counting(last: number) {
    let given = 0;
    let returned = false;
    return {
      next: () =>
        Promise.resolve(
          given < last && !returned
            ? { done: false as const, value: (given += 1) }
            : { done: true as const, value: undefined },
        ),
      return() {
        returned = true;
        return Promise.resolve({ done: true as const, value: undefined });
      },
      given: () => given,
      wasReturned: () => returned,
    };
  }

  test('waits for a slow reader, and then gives it everything once and in order', async () => {
    const source = counting(5_000);
    const server = await serve(source);
    try {
      const reader = openSse(server.url, '/');
      await once(reader.socket, 'data');
      reader.socket.pause();
      await eventually(() => source.given()).toBeGreaterThan(10);
      let before = -1;
      await eventually(() => before === (before = source.given())).toBe(true);
      // What the sockets hold is far less than the 20 MB of all of it.
      expect(source.given()).toBeLessThan(4_000);
      reader.socket.resume();
      await reader.closed;
      expect(reader.events().map(({ id }) => Number(id))).toEqual(
        Array.from({ length: 5_000 }, (_, n) => n + 1),
      );
      expect(server.hasEnded()).toBe(true);
    } finally {
      await server.close();
    }
  });

  test('returns its source when the reader leaves, also while the source has nothing to give', async () => {
    let wake = (): void => undefined;
    let returned = false;
    const silent: AsyncIterator<number> = {
      next: () => new Promise((resolve) => (wake = () => resolve({ done: true, value: undefined }))),
      return() {
        returned = true;
        wake();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
    const server = await serve(silent);
    try {
      const reader = openSse(server.url, '/');
      await once(reader.socket, 'data');
      expect(returned).toBe(false);
      reader.socket.destroy();
      await eventually(() => returned).toBe(true);
      await eventually(() => server.hasEnded()).toBe(true);
    } finally {
      await server.close();
    }
  });

  test('returns its source when the reader leaves in the middle of what it does not read', async () => {
    const source = counting(1_000_000);
    const server = await serve(source);
    try {
      const reader = openSse(server.url, '/');
      await once(reader.socket, 'data');
      reader.socket.pause();
      await eventually(() => source.given()).toBeGreaterThan(10);
      reader.socket.destroy();
      await eventually(() => source.wasReturned()).toBe(true);
      await eventually(() => server.hasEnded()).toBe(true);
    } finally {
      await server.close();
    }
  });

  test('is cut, not ended, where its source fails or its reader may not go on', async () => {
    const failing: AsyncIterator<number> = { next: () => Promise.reject(new Error('the store is gone')) };
    const broken = await serve(failing);
    const forbidden = await serve(counting(10), () => false);
    try {
      for (const { url } of [broken, forbidden]) {
        const reader = openSse(url, '/');
        await reader.closed;
        // The end of a chunked answer is an empty chunk (RFC 9112, section 7.1).
        expect(reader.text()).not.toMatch(/0\r\n\r\n$/);
        expect(reader.events()).toEqual([]);
      }
    } finally {
      await broken.close();
      await forbidden.close();
    }
  });
});

describe('the events of a run', () => {
  let server: TestServer;
  const runs = '/v1/projects/default/actions/promote/runs';
  beforeAll(async () => {
    server = await startTestServer();
    const { id } = (await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }))).body;
    advertise(server.dataFolder, { group: id, operations: [{ operation: 'promote' }] });
    const action = { name: 'promote', group: 'prod', operation: 'promote' };
    await must(server.api('POST', '/v1/projects/default/actions', action));
  });
  afterAll(() => server.close());

  const press = async () => (await must(server.api('POST', runs, {}))).body.id;
  const cancel = (run: string) => must(server.api('POST', `/v1/runs/${run}/cancel`, { reason: 'enough' }));
  const watch = (run: string, headers: Record<string, string> = {}, token = server.token) =>
    openSse(server.url, `/v1/runs/${run}/events`, { authorization: `Bearer ${token}`, ...headers });

  test('come as history first, then live, and end with the run', async () => {
    const run = await press();
    const early = watch(run);
    await eventually(() => early.events().length).toBe(1);
    expect(early.text()).toMatch(/^HTTP\/1\.1 200 OK/);
    expect(early.text()).toMatch(/content-type: text\/event-stream/i);
    expect(early.text()).toMatch(/x-content-type-options: nosniff/i);
    expect(early.text()).toMatch(/cache-control: no-store/i);
    await cancel(run);
    await early.closed;
    expect(early.text()).toMatch(/0\r\n\r\n$/);
    const late = watch(run);
    await late.closed;
    expect(late.events()).toEqual(early.events());
    const states = late.events().map(({ event, data }) => [event, (data as { state?: string }).state]);
    expect(states[0]).toEqual(['state', 'queued']);
    expect(states.at(-1)).toEqual(['state', 'canceled']);
    const page = await must(server.api('GET', `/v1/runs/${run}/events`));
    expect(page.body).toMatchObject({ complete: true });
    expect(page.body.items).toEqual(late.events().map(({ data }) => data));
  });

  test('go on behind the last one that was seen', async () => {
    const run = await press();
    await cancel(run);
    const whole = watch(run);
    await whole.closed;
    for (const { id } of whole.events()) {
      const rest = watch(run, { 'last-event-id': id });
      await rest.closed;
      expect(rest.events().map((event) => Number(event.id))).toEqual(
        whole
          .events()
          .map((event) => Number(event.id))
          .filter((seq) => seq > Number(id)),
      );
    }
    const wrong = watch(run, { 'last-event-id': 'x' });
    await wrong.closed;
    expect(wrong.text()).toMatch(/^HTTP\/1\.1 400/);
  });

  test('reach every one of many watchers once', async () => {
    const run = await press();
    const watchers = Array.from({ length: 20 }, () => watch(run));
    await eventually(() => watchers.every((each) => each.events().length === 1)).toBe(true);
    await cancel(run);
    await Promise.all(watchers.map(({ closed }) => closed));
    for (const each of watchers) expect(each.events()).toEqual(watchers[0]?.events());
  });

  test('free their place when the reader leaves, and there are only so many places', async () => {
    const run = await press();
    const first = Array.from({ length: eventStreamsPerPrincipalMax }, () => watch(run));
    await eventually(() => first.every((each) => each.events().length === 1)).toBe(true);
    const tooMany = watch(run);
    await tooMany.closed;
    expect(tooMany.text()).toMatch(/^HTTP\/1\.1 429/);
    for (const { socket } of first) socket.destroy();
    const after = async () => {
      const reader = watch(run);
      await Promise.race([reader.closed, eventually(() => reader.events().length).toBe(1)]);
      return reader.text().slice(0, 12);
    };
    await eventually(after).toBe('HTTP/1.1 200');
    await cancel(run);
  });

  test('stop for who may not see them any more', async () => {
    const run = await press();
    const ada = await makePerson(server, { roles: [{ role: 'viewer', level: 'projects/default' }] });
    const reader = watch(run, {}, ada.token);
    await eventually(() => reader.events().length).toBe(1);
    await must(server.api('DELETE', `/v1/tokens/${ada.tokenId}`));
    await cancel(run);
    await reader.closed;
    expect(reader.events().length).toBe(1);
    const again = watch(run, {}, ada.token);
    await again.closed;
    expect(again.text()).toMatch(/^HTTP\/1\.1 401/);
  });

  test('are hidden from who may not see the project', async () => {
    const run = await press();
    const stranger = await makePerson(server, { roles: [] });
    const reader = watch(run, {}, stranger.token);
    await reader.closed;
    expect(reader.text()).toMatch(/^HTTP\/1\.1 404/);
    expect((await fetch(`${server.url}/v1/runs/${run}/events`, { method: 'HEAD' })).status).toBe(401);
    const headers = { authorization: `Bearer ${server.token}`, accept: 'text/event-stream' };
    expect((await fetch(`${server.url}/v1/runs/${run}/events`, { method: 'HEAD', headers })).status).toBe(
      200,
    );
  });
});
