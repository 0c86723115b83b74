// A TCP proxy that misbehaves on demand: it delays, narrows, cuts, and goes silent as a half-open connection does.
import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  readonly connections: number;
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

export async function openTcpProxy(target: {
  readonly host?: string;
  readonly port: number;
}): Promise<TcpProxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
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
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isRefusing) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect({ host: target.host ?? '127.0.0.1', port: target.port, allowHalfOpen: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) {
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        if (client.destroyed && upstream.destroyed) pairs.delete(pair);
      });
    }
    void forward(client, upstream);
    void forward(upstream, client);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  const heal = (): void => {
    isRefusing = false;
    openGate?.();
    openGate = null;
  };
  const cut = (): void => {
    for (const [client, upstream] of pairs) {
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
