// The parts of a press without the product, each as bare as it can be: a durable commit in SQLite with the store's own
// settings, a round trip on an open WebSocket over mutual TLS to another process, and the start of a program.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { WebSocket } from 'ws';
import { machineMs } from './clock.ts';
import { prepareInstallation } from './installation.ts';
import { endProcess, firstLine, startNode } from './system.ts';

export interface BareParts extends AsyncDisposable {
  /** Ms of one durable commit of a row of one kilobyte. */
  commit(): number;
  /** Ms from a message of one kilobyte to its echo. */
  roundTrip(): Promise<number>;
}

const message = 'm'.repeat(1_024);

/** On the disk of `folder`. */
export async function openBareParts(folder: string): Promise<BareParts> {
  const database = openBareDatabase(join(folder, 'bare.db'));
  const insert = database.prepare('insert into rows (data) values (?)');
  const { listener, clients } = await prepareInstallation(join(folder, 'bare'), 1);
  const echo = startNode({ profile: null }, 'echo', [join(import.meta.dirname, 'peers/echo.ts')]);
  echo.stdin?.end(JSON.stringify(listener));
  const { port } = JSON.parse(await firstLine(echo)) as { port: number };
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, {
    ...clients[0],
    ca: listener.ca,
    minVersion: 'TLSv1.3',
    perMessageDeflate: false,
  });
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return {
    commit() {
      const begun = machineMs();
      database.exec('begin immediate');
      insert.run(message);
      database.exec('commit');
      return machineMs() - begun;
    },
    async roundTrip() {
      const begun = machineMs();
      socket.send(message);
      await new Promise((resolve) => socket.once('message', resolve));
      return machineMs() - begun;
    },
    async [Symbol.asyncDispose]() {
      socket.terminate();
      database.close();
      await endProcess(echo);
    },
  };
}

/** WAL and `synchronous=FULL`, as `control-plane/store/sqlite/connection.ts` opens its own. */
function openBareDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec(`
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table rows (id integer primary key, data text not null);
  `);
  return database;
}

/** Starts a program with an environment of its own; what it does is seen by the caller. */
export async function bareSpawn(
  command: readonly [string, ...string[]],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const [file, ...args] = command;
  const child = spawn(file, args, {
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdout.resume();
  child.stderr.resume();
  await new Promise((resolve) => child.once('close', resolve));
}
