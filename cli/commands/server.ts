// `wayside server`: starts the control plane in this process. The one command that may import it.
import type { Command } from 'commander';
import { serverOptions, environmentName, parseServerConfig } from '../../control-plane/config.ts';
import { Failure } from '../../protocol/failures.ts';
import { examples, tellFailure } from '../cli.ts';
import type { Surroundings } from '../cli.ts';
import { exitCodeOfFailure, exitCodes } from '../exit-codes.ts';
import { openPrinter } from '../print.ts';

/** Answers the command, for what belongs below it. */
export function registerServer(program: Command, surroundings: Surroundings): Command {
  const server = program
    .command('server')
    .description('start a control plane; prints the first owner token once')
    .addHelpText(
      'after',
      examples(
        'wayside server',
        'wayside server --data /var/lib/wayside --agent-host 0.0.0.0 --public-host wayside.internal',
      ),
    );
  for (const [name, { help }] of Object.entries(serverOptions)) {
    server.option(`--${name} <${name}>`, `${help} (${environmentName(name)})`);
  }
  server.action(
    actingOnServer(surroundings, async (flags, options) => {
      const config = parseServerConfig(flags, surroundings.environment);
      // Loaded when it is needed: no other command has to wait for a whole control plane to be read.
      const { runServer } = await import('../../control-plane/main.ts');
      await runServer(config, options);
    }),
  );
  return server;
}

type Flags = Readonly<Record<string, string | undefined>>;

/** Wraps what a command does in this process rather than over HTTP: failures in words, and the exit code. */
export function actingOnServer(
  surroundings: Surroundings,
  act: (flags: Flags, options: { readonly json: boolean }) => Promise<void>,
): (options: unknown, command: Command) => Promise<void> {
  return async (_options, command) => {
    const { json = false, ...flags } = command.optsWithGlobals<{ readonly json?: boolean } & Flags>();
    const { environment, streams } = surroundings;
    try {
      await act(namesOf(flags), { json });
    } catch (error) {
      tellFailure(openPrinter(streams, { json, environment }), error);
      surroundings.exit(error instanceof Failure ? exitCodeOfFailure(error.code) : exitCodes.failed);
    }
  };
}

/** Commander writes `agentPort`, the configuration `agent-port`. */
function namesOf(options: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`),
      value,
    ]),
  );
}
