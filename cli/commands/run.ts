// `wayside run …`: press a button, watch what happens, stop it.
import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { actionSchema } from '../../protocol/api/operations.ts';
import {
  runCancelAnswerSchema,
  runEventPageSchema,
  runPageSchema,
  runSchema,
} from '../../protocol/api/runs.ts';
import type { Run } from '../../protocol/api/runs.ts';
import { pageRowsMax, priorityMax } from '../../protocol/limits.ts';
import { acting, allPages, collect, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { exitCodeOfRun } from '../exit-codes.ts';
import { followRun, openEventView } from '../follow.ts';
import { parseCount } from '../numbers.ts';
import { paint, paintState, table, time } from '../print.ts';
import { readInputs } from '../read-inputs.ts';
import { showRun } from '../show-run.ts';
import { registerRunStatus } from './run-status.ts';

export function registerRun(program: Command, surroundings: Surroundings): void {
  const run = program.command('run').description('runs: one press of a button each');
  registerStart(run, surroundings);
  registerReading(run, surroundings);
  registerRunStatus(run, surroundings);
  run
    .command('cancel <run>')
    .description('stop a run; one that has not started never will')
    .option('--reason <text>', 'why; kept in the record')
    .addHelpText('after', examples(`wayside run cancel ${exampleId}`))
    .action(acting(surroundings, cancel));
  run
    .command('release <run>')
    .description('give back the slot of an indeterminate run, once you know what became of it')
    .requiredOption('--reason <text>', 'what you found out')
    .addHelpText('after', examples(`wayside run release ${exampleId} --reason "it had finished"`))
    .action(acting(surroundings, release));
}

const exampleId = '0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f';

function registerReading(run: Command, surroundings: Surroundings): void {
  run
    .command('list')
    .description('list the runs of the project, the newest first')
    .option('--action <action>', 'only those of this action')
    .option('--state <state>', 'a state, `active` or `ended`')
    .option('--limit <number>', 'how many', '20')
    .addHelpText(
      'after',
      examples('wayside run list --state active', 'wayside run list --action promote --limit 100'),
    )
    .action(acting(surroundings, list));
  run
    .command('show <run>')
    .description('show what was asked, what became of it, and why')
    .addHelpText('after', examples(`wayside run show ${exampleId}`))
    .action(acting(surroundings, show));
  run
    .command('logs <run>')
    .description('what its operations printed')
    .option('-f, --follow', 'go on until the run ends; the exit code is the outcome')
    .option('--raw', 'control sequences included')
    .addHelpText('after', examples(`wayside run logs -f ${exampleId}`))
    .action(acting(surroundings, logs));
  run
    .command('watch <run>')
    .description('states, status entries and output of a run as they come, until it ends')
    .option('--raw', 'control sequences included')
    .addHelpText('after', examples(`wayside run watch ${exampleId}`))
    .action(acting(surroundings, watch));
}

/** Rows of one command, and events of one page. */
const rowsMax = 1_000_000;
const eventsPageMax = 1_000;

const exitHelp = `
Exit codes with --follow: 0 succeeded, the failing command's own (or 1) failed, 130 canceled, 124 timed out,
75 expired, 69 refused, 70 indeterminate; and always: 64 usage, 77 not signed in, 68 server unreachable.

Examples:
  wayside run start promote --input version=v1.2.3 --follow
  wayside run start rotate --secret token=./token.txt`;

function registerStart(run: Command, surroundings: Surroundings): void {
  run
    .command('start <action>')
    .description('press the button')
    .option('-i, --input <name=value>', 'an input; repeat for more', many, [])
    .option('--secret <name=file>', 'a sensitive input from a file, - for standard input', many, [])
    .option('-f, --follow', 'show what happens until it ends; the exit code is the outcome')
    .option('--priority <number>', '0 to 100; higher goes first')
    .option('--expires <duration>', 'how long it may wait for an agent')
    .option('--reason <text>', 'why; kept in the record')
    .option('--idempotency-key <key>', 'press once however often this command is repeated')
    .option('--raw', 'show output with its control sequences')
    .addHelpText('after', exitHelp)
    .action(acting(surroundings, start));
}

interface StartOptions {
  readonly input: string[];
  readonly secret: string[];
  readonly follow?: true;
  readonly priority?: string;
  readonly expires?: string;
  readonly reason?: string;
  readonly idempotencyKey?: string;
  readonly raw?: true;
}

async function start(context: CommandContext, action: string, options: StartOptions): Promise<void> {
  const { client, print, project, exit } = context;
  const path = `${project}/actions/${encodeURIComponent(action)}`;
  const { definition } = await client.call({ method: 'GET', path, answer: actionSchema });
  const inputs = await readInputs(context.surroundings, options, definition?.inputs ?? null);
  const run = await client.call({
    method: 'POST',
    path: `${path}/runs`,
    headers: { 'idempotency-key': options.idempotencyKey ?? randomUUID() },
    body: {
      inputs,
      ...(options.priority === undefined ? {} : { priority: priorityOf(options.priority) }),
      ...(options.expires === undefined ? {} : { expires_in_ms: parseDuration(options.expires) }),
      ...(options.reason === undefined ? {} : { reason: options.reason }),
    },
    answer: runSchema,
  });
  if (options.follow === undefined) {
    if (print.json) print.data(run);
    else
      print.out(
        `${run.id}  ${run.action.name} #${run.sequence} is ${run.state}. Next: \`wayside run watch ${run.id}\`.`,
      );
    return;
  }
  if (!print.json) print.err(`${run.action.name} #${run.sequence}  ${paint(print, 'gray', run.id)}`);
  await followToEnd(context, run.id, { raw: options.raw ?? false, logsOnly: false }, exit);
}

function priorityOf(text: string): number {
  return parseCount(text, { name: '--priority', min: 0, max: priorityMax });
}

async function followToEnd(
  { client, print }: CommandContext,
  id: string,
  options: { readonly raw: boolean; readonly logsOnly: boolean },
  exit: (code: number) => void,
): Promise<void> {
  const run = await followRun(client, print, id, options);
  if (print.json) print.data({ kind: 'run', run });
  else if (!options.logsOnly) showRun(print, run);
  exit(exitCodeOfRun(run));
}

async function list(
  { client, print, project }: CommandContext,
  options: { readonly action?: string; readonly state?: string; readonly limit: string },
): Promise<void> {
  const limit = parseCount(options.limit, { name: '--limit', min: 1, max: rowsMax });
  const { action, state } = options;
  const runs = await collect(
    allPages(limit, (cursor) =>
      client.call({
        method: 'GET',
        path: `${project}/runs`,
        query: { cursor, action, state, limit: Math.min(limit, pageRowsMax) },
        answer: runPageSchema,
      }),
    ),
  );
  if (print.json) {
    print.data(runs);
    return;
  }
  const rows = runs.map((run) => [
    run.id,
    `${run.action.name} #${run.sequence}`,
    paintState(print, run.state),
    run.agent?.name ?? '-',
    run.requested_by.name,
    time(run.queued_at),
  ]);
  print.out(table(['RUN', 'ACTION', 'STATE', 'AGENT', 'PRESSED BY', 'QUEUED'], rows));
}

async function show({ client, print }: CommandContext, id: string): Promise<void> {
  const run = await readRun(client, id);
  if (print.json) print.data(run);
  else showRun(print, run);
}

async function logs(
  context: CommandContext,
  id: string,
  options: { readonly follow?: true; readonly raw?: true },
): Promise<void> {
  const { client, print, exit } = context;
  const view = { raw: options.raw ?? false, logsOnly: true };
  if (options.follow !== undefined) return followToEnd(context, id, view, exit);
  const show = openEventView(print, view);
  for (let after = 0; ;) {
    const { items } = await client.call({
      method: 'GET',
      path: `/v1/runs/${encodeURIComponent(id)}/events`,
      query: { after, limit: eventsPageMax },
      answer: runEventPageSchema,
    });
    for (const event of items) if (event.kind === 'output') show.event(event);
    const last = items.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  show.end();
}

async function watch(context: CommandContext, id: string, options: { readonly raw?: true }): Promise<void> {
  await readRun(context.client, id);
  await followToEnd(context, id, { raw: options.raw ?? false, logsOnly: false }, context.exit);
}

async function cancel(
  { client, print }: CommandContext,
  id: string,
  options: { readonly reason?: string },
): Promise<void> {
  const { result, run } = await client.call({
    method: 'POST',
    path: `/v1/runs/${encodeURIComponent(id)}/cancel`,
    body: options,
    answer: runCancelAnswerSchema,
  });
  if (print.json) print.data({ result, run });
  else if (result === 'canceled') print.out('Canceled; it had not started.');
  else print.out(`Asked ${run.agent?.name ?? 'the agent'} to stop it. See \`wayside run watch ${run.id}\`.`);
}

async function release(
  { client, print }: CommandContext,
  id: string,
  options: { readonly reason: string },
): Promise<void> {
  const path = `/v1/runs/${encodeURIComponent(id)}/release`;
  const run = await client.call({ method: 'POST', path, body: options, answer: runSchema });
  if (print.json) print.data(run);
  else
    print.out(
      `Released the slot of ${run.action.name} #${run.sequence}. ${run.failure?.message ?? ''}`.trimEnd(),
    );
}

async function readRun(client: CommandContext['client'], id: string): Promise<Run> {
  return client.call({ method: 'GET', path: `/v1/runs/${encodeURIComponent(id)}`, answer: runSchema });
}
