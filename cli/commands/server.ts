// `wayside server`: starts the control plane in this process. The one command that may import it.
import type { Command } from 'commander';
import { serverOptions, environmentName, parseServerConfig } from '../../control-plane/config.ts';
import { runServer } from '../../control-plane/main.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';

export function registerServer(program: Command, surroundings: Surroundings): void {
  const server = program
    .command('server')
    .description('start a control plane; prints the first owner token once')
    .addHelpText(
      'after',
      '\nExamples:\n  wayside server\n  wayside server --data /var/lib/wayside --agent-host 0.0.0.0 --public-host wayside.internal',
    );
  for (const [name, { help }] of Object.entries(serverOptions)) {
    server.option(`--${name} <${name}>`, `${help} (${environmentName(name)})`);
  }
  server.action(async (_options: unknown, command: Command) => {
    try {
      const flags = namesOf(command.opts<Record<string, string | undefined>>());
      const { json = false } = command.optsWithGlobals<{ readonly json?: boolean }>();
      await runServer(parseServerConfig(flags, surroundings.environment), { json });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      surroundings.streams.stderr.write(`Error: ${error.message}\n`);
      surroundings.exit(error.code === 'invalid_configuration' ? exitCodes.usage : exitCodes.failed);
    }
  });
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
