// A TCP proxy that misbehaves on demand: it delays, narrows, cuts, and goes silent as a half-open connection does. Over
// several ports it is a balancer: each connection goes to the next one that answers.
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
  /** The port behind each open connection. */
  readonly upstreams: readonly number[];
  /** Each piece arrives this much later, in both directions. */
  setDelay(ms: number): void;
  /** Bytes a second and direction; null = as fast as it goes. */
  setBandwidth(bytesPerSecond: number | null): void;
  /** From now on nothing passes and nobody is told: open connections stay open, new ones are taken and left. */
  halfOpen(): void;
  /** Lets things pass again; what was held back arrives. */
  heal(): void;
  /** Resets every open connection; new ones work. */
  cut(): void;
  /** Refuses new connections until `heal`. */
  refuse(): void;
}

export interface TcpProxyTarget {
  readonly host?: string;
  readonly port: number | readonly number[];
  /** Index of the port that the first connection goes to. */
  readonly first?: number;
}

export async function openTcpProxy(target: TcpProxyTarget): Promise<TcpProxy> {
  const ports = [target.port].flat();
  const pairs = new Map<readonly [Socket, Socket], number>();
  let turn = (target.first ?? 0) - 1;
  let delayMs = 0;
  let bytesPerSecond: number | null = null;
  let isRefusing = false;
  let passing = Promise.resolve();
  let openGate: (() => void) | null = null;

  const forward = async (from: Socket, to: Socket): Promise<void> => {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        await passing;
        if (delayMs > 0) await delay(delayMs);
        if (bytesPerSecond !== null) await delay((piece.length / bytesPerSecond) * 1_000);
        if (!to.write(piece))
          await new Promise((resolve) => to.once('drain', resolve).once('close', resolve));
      }
      await passing;
      to.end();
    } catch {
      await passing;
      to.destroy();
    }
  };
  /** Connects to the next port that answers; null where none does. */
  const dial = async (): Promise<{ readonly upstream: Socket; readonly port: number } | null> => {
    for (let tries = 0; tries < ports.length; tries += 1) {
      turn += 1;
      const port = ports[turn % ports.length] ?? 0;
      const upstream = connect({ host: target.host ?? '127.0.0.1', port, allowHalfOpen: true });
      const isThere = await new Promise<boolean>((resolve) => {
        upstream.once('connect', () => resolve(true)).once('error', () => resolve(false));
      });
      if (isThere) return { upstream, port };
    }
    return null;
  };
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => void join(client));
  const join = async (client: Socket): Promise<void> => {
    client.on('error', () => client.destroy());
    const dialled = isRefusing ? null : await dial();
    if (dialled === null || client.destroyed || !server.listening) {
      client.resetAndDestroy();
      dialled?.upstream.destroy();
      return;
    }
    const { upstream, port } = dialled;
    const pair = [client, upstream] as const;
    pairs.set(pair, port);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        if (client.destroyed && upstream.destroyed) pairs.delete(pair);
      });
    }
    void forward(client, upstream);
    void forward(upstream, client);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const heal = (): void => {
    isRefusing = false;
    openGate?.();
    openGate = null;
  };
  const cut = (): void => {
    for (const [client, upstream] of pairs.keys()) {
      client.resetAndDestroy();
      upstream.resetAndDestroy();
    }
    pairs.clear();
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    get upstreams() {
      return [...pairs.values()];
    },
    setDelay(ms) {
      delayMs = ms;
    },
    setBandwidth(rate) {
      bytesPerSecond = rate;
    },
    halfOpen() {
      if (openGate !== null) return;
      passing = new Promise((resolve) => {
        openGate = resolve;
      });
    },
    heal,
    cut,
    refuse() {
      isRefusing = true;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cut();
      heal();
      await closed;
    },
  };
}
