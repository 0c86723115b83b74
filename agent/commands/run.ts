// `wayside-agent run`: connects and works until it is told to leave.
import type { Command } from 'commander';
import { writeSync } from 'node:fs';
import { readBootId } from '../clock.ts';
import { createExecuteRun } from '../execute.ts';
import { hostOf } from '../host.ts';
import { killLeftovers } from '../leftovers.ts';
import { killContainer } from '../operations/engine.ts';
import type { KillLeftovers } from '../recover.ts';
import { createLog } from '../log.ts';
import { runAgent } from '../run-agent.ts';
import { answer, configOf, printError, processSignals, readVersion } from './edge.ts';
import { exitCodes } from '../exit-codes.ts';
import { addSettings, examples, flagsOf } from './options.ts';

const standardError = 2;

export function registerRun(program: Command): void {
  const command = program
    .command('run')
    .description('connect to the control plane and do what the agent file defines');
  addSettings(command, [
    'config',
    'stateDir',
    'concurrency',
    'shutdownGrace',
    'compatibility',
    'runAs',
    'envInherit',
    'envAllow',
    'filesAllow',
    'proxy',
    'caFile',
    'logLevel',
  ])
    .addHelpText(
      'after',
      `${examples([
        'wayside-agent run -c agent.hcl',
        'wayside-agent run -c /etc/wayside/agent.d --concurrency 8 --shutdown-grace 2m',
        'WAYSIDE_AGENT_CONFIG=agent.hcl wayside-agent run',
      ])}
SIGHUP, and every change of the files, loads them again; a file with errors changes nothing. SIGTERM or SIGINT drains:
no new work, running work may finish within the shutdown grace, then the agent reports and leaves. A second signal
stops running work at once, a third ends the process.

Exit codes: 0 drained, 1 errors in the agent file, 64 usage, 74 state folder unusable, 75 another process uses it,
77 not enrolled or revoked, 78 groups that the control plane does not know.`,
    )
    .action((options: Record<string, unknown>) => run(options));
}

/** What a dead process of this agent left of a run, on this machine. */
const killWhatIsLeft: KillLeftovers = async (runId, leftovers, clock) => {
  const { survivors } = await killLeftovers(
    { records: leftovers.map((leftover) => ({ ...leftover, runId })), runs: [runId] },
    {
      clock,
      bootId: readBootId(),
      killContainer: (name) => killContainer({ environment: process.env }, name),
    },
  );
  return survivors;
};

async function run(options: Record<string, unknown>): Promise<void> {
  const config = configOf(flagsOf(options));
  const log = createLog({
    level: config.logLevel,
    write: (line) => {
      writeSync(standardError, line);
    },
  });
  const code = await runAgent({
    config,
    version: readVersion(),
    pid: process.pid,
    log,
    signals: processSignals(),
    execute: createExecuteRun(hostOf({ env: process.env, cwd: process.cwd() })),
    killLeftovers: killWhatIsLeft,
    random: Math.random,
    abort: (failure) => {
      printError(failure.message);
      process.exit(exitCodes.stateUnusable);
    },
  });
  answer(code);
}
