// The agent's way through real networks: proxies with credentials, proxies that speak TLS under a private CA, half-open
// connections, certificates that have expired or are foreign, and the renewal that prevents it.
import { spawn } from 'node:child_process';
import { createServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enroll } from '../../agent/enroll.ts';
import { noFaults } from '../../agent/fault.ts';
import { proxyFor } from '../../agent/secure-agent.ts';
import { openConnectProxy } from '../support/connect-proxy.ts';
import { openTcpProxy } from '../support/tcp-proxy.ts';
import { createAuthority } from './other-side/authority.ts';
import { enrolled, startAgent } from './other-side/agent.ts';
import type { Household } from './other-side/agent.ts';
import { spawnAgent } from './other-side/process.ts';
import { openOtherSide } from './other-side/server.ts';
import type { OtherSide } from './other-side/server.ts';

const file = `group "prod" {
  action "greet" {
    run {
      command = ["echo", "hello"]
    }
  }
  action "linger" {
    run {
      command = ["sh", "-c", "echo begun; while [ ! -e go-on ]; do sleep 0.05; done; echo done"]
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

/** What the state folder says of where to connect, changed as a local edit would. */
function connectTo(port: number): void {
  const path = join(house.state, 'identity.json');
  const text = readFileSync(path, 'utf8').replaceAll(`localhost:${side.agentPort}`, `localhost:${port}`);
  writeFileSync(path, text, { mode: 0o600 });
}

async function runsSomething(): Promise<void> {
  await side.hear('poll');
  const { run } = await side.offer({ operation: 'greet' });
  expect((await side.hear('end', (frame) => frame.run === run)).outcome.result).toBe('succeeded');
}

describe('through a proxy', () => {
  test('with credentials the agent connects with its certificate, end to end', async () => {
    await using proxy = await openConnectProxy({ user: 'agent', password: 'p:a ss' });
    await using agent = startAgent(house, { flags: { proxy: proxy.url } });
    await runsSomething();
    expect(proxy.log).toContainEqual({ target: `localhost:${side.agentPort}`, status: 200 });
    expect(side.current().generation).toBe(1);
    expect(agent.lines.join('')).not.toContain('ss@');
  });

  test('without them it says what the proxy wants, and tries again', async () => {
    await using proxy = await openConnectProxy({ user: 'agent', password: 'pw' });
    await using agent = startAgent(house, { flags: { proxy: proxy.url.replace(/\/\/.*@/, '//') } });
    await side.until('a complaint', () => agent.lines.some((line) => line.includes('credentials (407)')));
  });

  test('that speaks TLS under a private CA it connects when the CA is named', async () => {
    const authority = await createAuthority();
    const tls = await authority.issueServer();
    const tunnels: string[] = [];
    const server = createServer(tls);
    server.on('connect', (request, socket) => {
      tunnels.push(request.url ?? '');
      const { hostname, port } = new URL(`http://${request.url ?? ''}`);
      const upstream = connect({ host: hostname, port: Number(port) }, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
      for (const end of [upstream, socket])
        end.on('error', () => [upstream, socket].forEach((each) => each.destroy()));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const caFile = join(house.folder, 'proxy-ca.pem');
    writeFileSync(caFile, authority.root);
    const proxy = `https://localhost:${(server.address() as AddressInfo).port}`;
    const args = ['run', '-c', house.file, '--state-dir', house.state, '--proxy', proxy];
    await using stranger = spawnAgent(args);
    await side.until('a complaint', () => stranger.stderr().includes('retry_ms'));
    expect(side.peers).toHaveLength(0);
    stranger.kill('SIGKILL');
    await stranger.finished;
    await using _agent = spawnAgent([...args, '--ca-file', caFile]);
    await runsSomething();
    expect(tunnels).toContain(`localhost:${side.agentPort}`);
    server.closeAllConnections();
    server.close();
  });

  test('is passed by for the hosts of NO_PROXY', () => {
    const env = {
      https_proxy: 'http://user:secret@proxy:3128',
      no_proxy: 'localhost, .internal,*.corp,10.0.0.1:7401',
    };
    expect(proxyFor(new URL('https://wayside.example:7401'), env)?.href).toBe('http://proxy:3128/');
    for (const host of ['localhost:1', 'a.internal', 'b.corp:7', '10.0.0.1:7401']) {
      expect(proxyFor(new URL(`https://${host}`), env)).toBe(null);
    }
    expect(proxyFor(new URL('https://10.0.0.1:9'), env)).not.toBe(null);
  });
});

describe('a connection', () => {
  test('that is half open is noticed by its silence and made anew', async () => {
    await using proxy = await openTcpProxy({ port: side.agentPort });
    connectTo(proxy.port);
    await using agent = startAgent(house);
    await side.hear('poll');
    proxy.halfOpen();
    await side.until(
      'that the agent gives up',
      () => agent.lines.some((line) => line.includes('retry_ms')),
      20_000,
    );
    proxy.heal();
    await side.until('a second connection', () => side.peers.length >= 2, 20_000);
    await side.until('that it works', () => side.current().frames.some(({ type }) => type === 'poll'));
  });

  test('to a server under another root is not made, however it calls itself', async () => {
    const stranger = await createAuthority();
    const tls = await stranger.issueServer();
    let requests = 0;
    const server = createServer(tls, () => (requests += 1));
    server.on('upgrade', () => (requests += 1));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    connectTo((server.address() as AddressInfo).port);
    await using agent = startAgent(house);
    await side.until('a complaint', () => agent.lines.some((line) => line.includes('retry_ms')));
    expect(agent.lines.join('')).toContain('does not lead to the root');
    expect(requests).toBe(0);
    server.close();
  });
});

describe('a certificate', () => {
  test('is renewed in time, on a new connection before the old one goes, and no run is lost over it', async () => {
    side.manners.leafMs = 15_000;
    await reenroll();
    side.manners.leafMs = 3_600_000;
    await using _agent = startAgent(house);
    await side.hear('poll');
    const { run } = await side.offer({ operation: 'linger' });
    await side.hear('output', (frame) => frame.run === run);
    const [old] = side.peers;
    await side.until('the connection with the next certificate', () => side.peers.length === 2, 20_000);
    await side.until('that it is in use', () => side.current().frames.some(({ type }) => type === 'poll'));
    await side.until('the old one to go', () => old?.open === false);
    expect(side.current().generation).toBe((old?.generation ?? 0) + 1);
    expect(side.current().frames[0]).toMatchObject({ type: 'hello', runs: [{ run, state: 'begun' }] });
    writeFileSync(join(house.folder, 'go-on'), '');
    expect((await side.hear('end', (frame) => frame.run === run)).outcome.result).toBe('succeeded');
    expect(side.output(run)).toBe('begun\ndone\n');
  });

  test('that has expired is named, with the way back', async () => {
    side.manners.leafMs = 100;
    await reenroll();
    await using agent = startAgent(house);
    await side.until('a complaint', () => agent.lines.some((line) => line.includes('retry_ms')));
    expect(agent.lines.join('')).toContain('enroll --recover');
    expect(side.peers).toHaveLength(0);
  });

  async function reenroll(): Promise<void> {
    await enroll({
      server: side.enrollUrl,
      token: side.token(),
      stateFolder: house.state,
      proxyEnv: {},
      now: Date.now(),
      faultPoint: noFaults,
      name: 'build-1',
      replace: true,
    });
  }
});

describe('a disk', () => {
  test('that is full makes the agent refuse work with a code, and lose nothing', async () => {
    // RLIMIT_FSIZE (getrlimit(2)) lets no file grow beyond 8 KiB: writing fails as on a full disk.
    const { finished, child } = spawnLimited(['run', '-c', house.file, '--state-dir', house.state]);
    await side.hear('poll');
    const runs: string[] = [];
    // Whichever record is the one too many: an agent that cannot write its journal grants no slots.
    const isFull = () => side.heard.some((frame) => frame.type === 'poll' && frame.slots === 0);
    while (!side.heard.some((frame) => frame.type === 'refuse')) {
      const wasFull = isFull();
      const { run } = await side.offer({ operation: 'greet' });
      runs.push(run);
      await side.until(
        'an answer',
        () =>
          (!wasFull && isFull()) ||
          side.heard.some((frame) => (frame.type === 'end' || frame.type === 'refuse') && frame.run === run),
      );
    }
    expect(await side.hear('refuse')).toMatchObject({ code: 'disk_full' });
    const told = side.heard.filter((frame) => frame.type === 'end');
    expect(told.every((frame) => frame.outcome.result === 'succeeded')).toBe(true);
    child.kill('SIGKILL');
    await finished;
    await using agent = startAgent(house);
    const refused = new Set(side.heard.flatMap((frame) => (frame.type === 'refuse' ? [frame.run] : [])));
    for (const run of runs) {
      if (!refused.has(run)) await side.hear('end', (frame) => frame.run === run);
    }
    expect(agent.lines.join('')).not.toContain('damaged');
  });

  function spawnLimited(args: readonly string[]) {
    const main = new URL('../../agent/main.ts', import.meta.url).pathname;
    const child = spawn('sh', ['-c', 'ulimit -f 16; exec "$0" "$@"', process.execPath, main, ...args], {
      stdio: 'ignore',
    });
    return { child, finished: new Promise((resolve) => child.on('close', resolve)) };
  }
});
