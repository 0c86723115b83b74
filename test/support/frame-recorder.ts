// Stands between an agent and its control plane with a certificate of the same authorities, and keeps every frame of
// both directions as it was on the wire once TLS is taken off. Whatever else one believes, this is what left.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { WebSocket, WebSocketServer } from 'ws';
import { secureAgent } from '../../agent/secure-agent.ts';
import { systemClock } from '../../control-plane/channel/clock.ts';
import type { ListenerTls } from '../../control-plane/channel/contract.ts';
import { mutualTls } from '../../control-plane/channel/secure-context.ts';
import { openPki } from '../../control-plane/pki/open-pki.ts';
import { keepServerCertificate } from '../../control-plane/pki/server-certificate.ts';
import { openKeyring } from '../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../control-plane/secrets/secrets.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite.ts';
import { subprotocol } from '../../protocol/frames.ts';

export interface RecordedFrame {
  readonly from: 'agent' | 'server';
  readonly text: string;
}

export interface FrameRecorder extends AsyncDisposable {
  /** Where the agent must believe the control plane to be. */
  readonly port: number;
  readonly frames: readonly RecordedFrame[];
  /** Whose certificate it shows to the control plane: the agent's own, from its state folder. */
  speakFor(stateFolder: string): void;
}

/** Takes a server certificate from the authorities of a data folder that no process uses; makes them where none are. */
export async function serverCertificateOf(dataFolder: string): Promise<ListenerTls> {
  const store = await openSqliteStore({ dataFolder });
  try {
    const clock = systemClock();
    const provider = await openKeyring({ path: join(dataFolder, 'keyring.json'), clock });
    const secrets = await openSecrets(store, provider);
    const pki = await openPki({
      store,
      keys: secrets.signingKeys,
      clock,
      rotations: { record: () => [], done: () => undefined },
    });
    const keeper = await keepServerCertificate({
      pki,
      clock,
      dns: ['localhost'],
      ips: ['127.0.0.1'],
      renewed: () => undefined,
      failed: () => undefined,
    });
    keeper.stop();
    return keeper.first.agents;
  } finally {
    await store.close();
  }
}

export async function openFrameRecorder(tls: ListenerTls, agentPort: number): Promise<FrameRecorder> {
  const frames: RecordedFrame[] = [];
  const sockets = new Set<WebSocket>();
  let stateFolder = '';
  const server = createServer(mutualTls(tls));
  const webSockets = new WebSocketServer({
    server,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  webSockets.on('connection', (agent) => {
    const { certificate_chain, key, root } = JSON.parse(
      readFileSync(join(stateFolder, 'identity.json'), 'utf8'),
    ) as Record<'certificate_chain' | 'key' | 'root', string>;
    const upstream = new WebSocket(`wss://127.0.0.1:${agentPort}/agent`, subprotocol, {
      agent: secureAgent({ root, client: { chain: certificate_chain, key } }, {}),
      perMessageDeflate: false,
    });
    const early: string[] = [];
    upstream.on('open', () => {
      for (const text of early.splice(0)) upstream.send(text);
    });
    agent.on('message', (data: Buffer) => {
      const text = data.toString();
      frames.push({ from: 'agent', text });
      if (upstream.readyState === WebSocket.OPEN) upstream.send(text);
      else early.push(text);
    });
    upstream.on('message', (data: Buffer) => {
      frames.push({ from: 'server', text: data.toString() });
      agent.send(data.toString());
    });
    for (const [socket, other] of [
      [agent, upstream],
      [upstream, agent],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.terminate();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    frames,
    speakFor: (folder) => {
      stateFolder = folder;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.terminate();
      webSockets.close();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
