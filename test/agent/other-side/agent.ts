// An agent in this process, against the other side of a test: the real conductor with real files, sockets and
// processes; only its signals come from the test.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../../../agent/config.ts';
import type { RawConfig } from '../../../agent/config.ts';
import type { ExecuteRun } from '../../../agent/contract.ts';
import { enroll } from '../../../agent/enroll.ts';
import { createExecuteRun } from '../../../agent/execute.ts';
import { noFaults } from '../../../agent/fault.ts';
import { hostOf } from '../../../agent/host.ts';
import { createLog } from '../../../agent/log.ts';
import { runAgent } from '../../../agent/run-agent.ts';
import { openFolder } from '../../support/folder.ts';
import type { OtherSide } from './server.ts';

export interface Household extends Disposable {
  readonly folder: string;
  readonly state: string;
  readonly file: string;
  write(text: string): void;
}

/** A folder with an agent file and an enrolled state folder. */
export async function enrolled(side: OtherSide, text: string): Promise<Household> {
  const folder = openFolder();
  const file = join(folder.path, 'agent.hcl');
  const state = join(folder.path, 'state');
  mkdirSync(state, { mode: 0o700 });
  const write = (content: string): void => {
    writeFileSync(file, content);
  };
  write(text);
  await enroll({
    server: side.enrollUrl,
    token: side.token(),
    stateFolder: state,
    proxyEnv: {},
    now: Date.now(),
    faultPoint: noFaults,
    name: 'build-1',
    replace: false,
  });
  return { folder: folder.path, state, file, write, [Symbol.dispose]: () => folder[Symbol.dispose]() };
}

export interface RunningAgent extends AsyncDisposable {
  readonly lines: readonly string[];
  readonly left: Promise<number>;
  terminate(): void;
  reload(): void;
}

export function startAgent(
  house: Household,
  more: {
    readonly flags?: RawConfig;
    readonly execute?: ExecuteRun;
    readonly env?: Record<string, string>;
  } = {},
): RunningAgent {
  const lines: string[] = [];
  let terminate = (): void => undefined;
  let reload = (): void => undefined;
  const config = readConfig({ config: house.file, stateDir: house.state, ...more.flags }, more.env ?? {}, {
    isRoot: false,
    kill: () => undefined,
  });
  const left = runAgent({
    config,
    version: '0.0.0',
    pid: process.pid,
    log: createLog({ level: 'info', write: (line) => lines.push(line) }),
    signals: {
      onTerminate: (listener) => (terminate = listener),
      onReload: (listener) => (reload = listener),
    },
    execute:
      more.execute ??
      createExecuteRun(hostOf({ env: { PATH: process.env['PATH'] ?? '' }, cwd: house.folder })),
    killLeftovers: () => Promise.resolve([]),
    random: () => 0.01,
    abort: (failure) => {
      throw failure;
    },
  });
  left.catch(() => undefined);
  return {
    lines,
    left,
    terminate: () => {
      terminate();
    },
    reload: () => {
      reload();
    },
    async [Symbol.asyncDispose]() {
      terminate();
      terminate();
      await left.catch(() => undefined);
    },
  };
}
