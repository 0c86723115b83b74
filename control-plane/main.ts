// Runs a control plane as a process: starts it, says where it listens, and ends it in order.
import { constants } from 'node:os';
import { pino } from 'pino';
import type { ServerConfig } from './config.ts';
import { faultPointOf } from './fault.ts';
import { startServer } from './server.ts';
import { openLog } from './telemetry/log.ts';
import { placeOf } from './store/postgres/settings.ts';
import type { RunningServer } from './server.ts';

const endSignals = ['SIGINT', 'SIGTERM'] as const;
type EndSignal = (typeof endSignals)[number];
/** What shells add to the number of the signal that ended a process. */
const signalled = 128;

export interface RunOptions {
  /** One JSON line on standard output instead of sentences. */
  readonly json: boolean;
}

/**
 * Resolves when the server has been told to end (SIGINT, SIGTERM) and everything is closed. A second signal ends the
 * process at once, as one that nobody handles would.
 */
export async function runServer(config: ServerConfig, options: RunOptions): Promise<void> {
  const log = openLog(config.logLevel, pino.destination({ dest: 2, sync: false }));
  const asked = new Promise<EndSignal>((resolve) => {
    let first: EndSignal | null = null;
    for (const signal of endSignals) {
      process.on(signal, () => {
        if (first !== null) process.exit(signalled + constants.signals[signal]);
        first = signal;
        resolve(signal);
      });
    }
  });
  const server = await startServer({
    config,
    log,
    onFatal: (cause) => {
      log.fatal(
        { err: cause },
        'the store cannot be trusted any more; ending, so that nothing false is said',
      );
      log.flush();
      process.exit(1);
    },
    ...(config.fault === null
      ? {}
      : { faultPoint: faultPointOf(config.fault, () => process.kill(process.pid, 'SIGKILL')) }),
  });
  sayWhere(server, config, options.json);
  log.info(
    { kind: 'leaving', signal: await asked },
    'ending: nothing new is taken, what is here is handed on',
  );
  await server.close();
}

function sayWhere(server: RunningServer, config: ServerConfig, json: boolean): void {
  const { url, agentUrl, enrollUrl, ownerToken, setupUrl } = server;
  if (json) {
    const ready = {
      ready: true,
      url,
      agent_url: agentUrl,
      enroll_url: enrollUrl,
      token: ownerToken,
      setup_url: setupUrl,
    };
    process.stdout.write(`${JSON.stringify(ready)}\n`);
    return;
  }
  const lines = [
    `API     ${url}`,
    `agents  ${agentUrl}`,
    `enrol   ${enrollUrl}`,
    `data    ${config.database === null ? config.dataFolder : `${placeOf(config.database)}, keyring in ${config.dataFolder}`}`,
  ];
  if (ownerToken !== null) {
    lines.push(
      '',
      'The first owner token. It is shown once; sign in with `wayside login`:',
      '',
      `  ${ownerToken}`,
      '',
    );
  }
  if (setupUrl !== null) {
    lines.push(
      'In a browser the owner sets a password here, once and within the hour:',
      '',
      `  ${setupUrl}`,
      '',
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}
