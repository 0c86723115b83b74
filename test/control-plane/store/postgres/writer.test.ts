// What becomes of units when the connection or the whole database goes away under them.
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openPostgresStore } from '../../../../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { runIn } from '../../../support/engine.ts';
import { startPostgres } from '../../../support/postgres-server.ts';
import { openTcpProxy } from '../../../support/tcp-proxy.ts';
import { freshDatabase, insert, isMissing, openOn, reasons } from './database.ts';

function through(url: string, port: number): string {
  const changed = new URL(url);
  changed.hostname = '127.0.0.1';
  changed.port = String(port);
  return changed.href;
}

/** Cuts the connection at the first piece for which `at` is true, once armed; that piece does not arrive. */
async function openCutter(port: number) {
  let armed: ((direction: 'up' | 'down', piece: Buffer) => boolean) | null = null;
  let cuts = 0;
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect({ host: '127.0.0.1', port });
    const pass = (from: Socket, to: Socket, direction: 'up' | 'down') => {
      sockets.add(from);
      from.on('error', () => to.destroy()).on('close', () => to.destroy());
      from.on('data', (piece: Buffer) => {
        if (armed?.(direction, piece) === true) {
          armed = null;
          cuts += 1;
          client.destroy();
          upstream.destroy();
        } else to.write(piece);
      });
    };
    pass(client, upstream, 'up');
    pass(upstream, client, 'down');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    port: (server.address() as AddressInfo).port,
    arm: (at: NonNullable<typeof armed>) => (armed = at),
    cuts: () => cuts,
  };
}

describe.skipIf(isMissing)('a connection that is lost in a unit', () => {
  it('after the commit, before its answer: it is found out, and the unit is answered as done', async () => {
    const url = await freshDatabase();
    const cutter = await openCutter(Number(new URL(url).port));
    const store = await openOn(through(url, cutter.port));
    for (let round = 0; round < 5; round += 1) {
      cutter.arm((direction, piece) => direction === 'down' && piece.includes('COMMIT\0'));
      const [results] = await Promise.all([
        store.write([insert(store, `first ${round}`)]),
        store.write([insert(store, `second ${round}`)]),
      ]);
      expect(results).toMatchObject([{ changes: 1 }]);
    }
    expect(cutter.cuts()).toBe(5);
    expect(await reasons(store)).toHaveLength(10);
  });

  it('before the commit: the unit is run again, and stored once', async () => {
    const url = await freshDatabase();
    const cutter = await openCutter(Number(new URL(url).port));
    for (let round = 0; round < 5; round += 1) {
      const store = await openOn(through(url, cutter.port));
      // The text of COMMIT crosses once in the life of a connection.
      cutter.arm((direction, piece) => direction === 'up' && piece.includes('commit\0'));
      await store.write([insert(store, `${round}`)]);
      await store.close();
    }
    expect(cutter.cuts()).toBe(5);
    expect(await reasons(await openOn(url))).toEqual(['0', '1', '2', '3', '4']);
  });

  it('by the database itself: writers and readers go on with new ones', async () => {
    const url = await freshDatabase();
    const store = await openOn(url);
    let ended = false;
    const written: string[] = [];
    const writing = (async () => {
      for (let count = 0; !ended; count += 1) {
        await store.write([insert(store, `${count}`)]);
        written.push(`${count}`);
        await reasons(store);
      }
    })();
    for (let round = 0; round < 5; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await runIn(url, (client) =>
        client.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid()`,
        ),
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    ended = true;
    await writing;
    expect(written.length).toBeGreaterThan(5);
    expect([...(await reasons(store))].sort()).toEqual([...written].sort());
  });
});

describe.skipIf(isMissing)('a database that is away', () => {
  it('is waited for a short while; then every request is refused at once, until it is back', async () => {
    const url = await freshDatabase();
    await using proxy = await openTcpProxy({ port: Number(new URL(url).port) });
    const store = await openOn(through(url, proxy.port));
    await store.write([insert(store, 'before')]);

    proxy.refuse();
    proxy.cut();
    const waited = store.write([insert(store, 'while it is away for a moment')]);
    setTimeout(() => proxy.heal(), 300);
    await waited;

    proxy.refuse();
    proxy.cut();
    const refused = { code: 'store_unavailable', status: 503, details: { retry_after_ms: 1_000 } };
    await expect(store.write([insert(store, 'lost')])).rejects.toMatchObject(refused);
    await expect(reasons(store)).rejects.toMatchObject(refused);
    const since = performance.now();
    await expect(store.write([insert(store, 'lost')])).rejects.toMatchObject(refused);
    expect(performance.now() - since).toBeLessThan(500);

    proxy.heal();
    await expect
      .poll(
        () =>
          store.write([insert(store, 'after')]).then(
            () => true,
            () => false,
          ),
        { timeout: 10_000 },
      )
      .toBe(true);
    expect(await reasons(store)).toEqual(['after', 'before', 'while it is away for a moment']);
  });

  it(
    'by kill -9, under writes: what was acknowledged is there, each unit whole and once',
    { timeout: 90_000 },
    async () => {
      const server = await startPostgres({ fsync: 'on', full_page_writes: 'on' });
      if ('reasons' in server) throw new Error(server.reasons.join('\n'));
      onTestFinished(() => server.close());
      const store = await openPostgresStore({ settings: parseDatabaseUrl(server.url) });
      onTestFinished(() => store.close());
      const acknowledged = new Set<number>();
      let next = 0;
      let ended = false;
      const trials = process.env['WAYSIDE_LONG'] === undefined ? 4 : 30;
      const writer = async () => {
        while (!ended) {
          const number = next++;
          try {
            await store.write([insert(store, `first ${number}`), insert(store, `second ${number}`)]);
            acknowledged.add(number);
          } catch (cause) {
            // Refused or unknown; never a second time under the same number.
            expect(cause).toMatchObject({ code: expect.stringMatching(/^store_/) as string });
            await new Promise((resolve) => setTimeout(resolve, 20));
          }
        }
      };
      const writers = Array.from({ length: 8 }, writer);
      for (let trial = 0; trial < trials; trial += 1) {
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 200));
        await server.kill();
        await server.start();
      }
      const before = acknowledged.size;
      await expect.poll(() => acknowledged.size, { timeout: 20_000 }).toBeGreaterThan(before);
      ended = true;
      await Promise.all(writers);
      const stored = new Set(await reasons(store));
      expect([...acknowledged].filter((number) => !stored.has(`first ${number}`))).toEqual([]);
      const halves = [...stored].filter((reason) => !stored.has(reason.replace(/^first/, 'second')));
      expect(halves).toEqual([]);
      expect(acknowledged.size).toBeGreaterThan(trials);
    },
  );
});
