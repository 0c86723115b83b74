// `wayside run status …`: what a run writes about itself, from inside one of its commands. The agent's environment says
// which run it is, where the API is, and brings the token of the run.
import type { Command } from 'commander';
import { runStatusWrittenSchema } from '../../protocol/api/runs.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { acting, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { splitPair } from '../inputs.ts';

export function registerRunStatus(run: Command, surroundings: Surroundings): void {
  run
    .command('status <message>')
    .description('write a status entry of the run that this is called in; its action says `token = true`')
    .option('--with <name=value>', 'a value beside it, as JSON or else as text; repeat for more', many, [])
    .option('--status <status>', 'running, complete or error')
    .option('--run <run>', 'the run (WAYSIDE_RUN_ID)')
    .addHelpText(
      'after',
      examples(
        'wayside run status "copied the first half" --with rows=120000',
        'wayside run status "done" --status complete',
      ),
    )
    .action(acting(surroundings, status));
}

interface StatusOptions {
  readonly with: string[];
  readonly status?: string;
  readonly run?: string;
}

async function status(context: CommandContext, message: string, options: StatusOptions): Promise<void> {
  const { client, print, surroundings } = context;
  const run = options.run ?? surroundings.environment['WAYSIDE_RUN_ID'] ?? '';
  if (run === '') {
    throw new Failure(
      'invalid_configuration',
      'Nothing says which run this is: WAYSIDE_RUN_ID is set in the commands of a run, and --run names one.',
    );
  }
  const written = await client.call({
    method: 'POST',
    path: `/v1/runs/${encodeURIComponent(run)}/status`,
    body: {
      message,
      values: Object.fromEntries(options.with.map(valueOf)),
      ...(options.status === undefined ? {} : { status: options.status }),
    },
    answer: runStatusWrittenSchema,
  });
  if (print.json) print.data(written);
}

function valueOf(pair: string): readonly [name: string, value: unknown] {
  const { name, rest } = splitPair(pair, '--with takes name=value');
  try {
    return [name, parseJson(rest)];
  } catch {
    return [name, rest];
  }
}
