// `wayside project …`: where everything else is.
import type { Command } from 'commander';
import type { z } from 'zod';
import { projectPageSchema, projectSchema } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import {
  keptRunsMax,
  keptRunsMin,
  outputRetentionMsDefault,
  retentionMsMax,
  retentionMsMin,
  runRetentionMsDefault,
} from '../../protocol/limits.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { parseCount } from '../numbers.ts';
import { table, time } from '../print.ts';
import type { Printer } from '../print.ts';

export function registerProject(program: Command, surroundings: Surroundings): void {
  const project = program.command('project').description('projects');
  project
    .command('create <name>')
    .description('create a project')
    .option('--description <text>', 'what it is for')
    .option('--in <folder>', 'the folder that it lies in; without it, the organization')
    .addHelpText('after', examples('wayside project create shop --description "The web shop" --in web'))
    .action(acting(surroundings, create));
  project
    .command('list')
    .description('list the projects that you may see')
    .addHelpText('after', examples('wayside project list'))
    .action(acting(surroundings, list));
  project
    .command('show <project>')
    .description('show a project')
    .addHelpText('after', examples('wayside project show shop'))
    .action(acting(surroundings, show));
  project
    .command('update <project>')
    .description('change what a project is for, and what it keeps of its runs')
    .option('--description <text>', 'what it is for')
    .option('--keep-runs <duration>', 'keep a run so long after its end, or default (90d)')
    .option('--keep-output <duration>', 'keep what it printed so long, or default (30d)')
    .option('--keep-at-most <number>', 'keep so many finished runs of each action, the newest, or all')
    .addHelpText(
      'after',
      examples(
        'wayside project update shop --keep-runs 30d --keep-output 7d',
        'wayside project update shop --keep-at-most 10000',
        'wayside project update shop --keep-runs default --keep-at-most all',
      ),
    )
    .action(acting(surroundings, update));
  project
    .command('move <project>')
    .description('move a project into a folder; other bindings reach it at once')
    .option('--to <folder>', 'the folder; without it, the organization')
    .addHelpText('after', examples('wayside project move shop --to web', 'wayside project move shop'))
    .action(acting(surroundings, move));
  project
    .command('delete <project>')
    .description('delete a project that nothing hangs on')
    .addHelpText('after', examples('wayside project delete shop'))
    .action(acting(surroundings, remove));
}

async function create(
  { client, print }: CommandContext,
  name: string,
  options: { readonly description?: string; readonly in?: string },
): Promise<void> {
  const path = '/v1/projects';
  const { in: folder, ...rest } = options;
  const body = { name, ...rest, ...(folder === undefined ? {} : { folder }) };
  const made = await client.call({ method: 'POST', path, body, answer: projectSchema });
  if (print.json) print.data(made);
  else print.out(`Created the project ${made.name}. Use it with --project ${made.name} or WAYSIDE_PROJECT.`);
}

async function list({ client, print }: CommandContext): Promise<void> {
  const projects = await everything(client, '/v1/projects', projectPageSchema);
  if (print.json) {
    print.data(projects);
    return;
  }
  const rows = projects.map(({ name, folder, created_at, description }) => [
    name,
    folder?.name ?? '',
    time(created_at),
    description,
  ]);
  print.out(table(['NAME', 'IN', 'CREATED', 'DESCRIPTION'], rows));
}

async function show({ client, print }: CommandContext, reference: string): Promise<void> {
  const path = `/v1/projects/${encodeURIComponent(reference)}`;
  const project = await client.call({ method: 'GET', path, answer: projectSchema });
  if (print.json) print.data(project);
  else {
    print.out(`${project.name}  ${project.id}  ${project.description}`.trimEnd());
    tellKept(print, project);
  }
}

async function update(
  { client, print }: CommandContext,
  reference: string,
  options: {
    readonly description?: string;
    readonly keepRuns?: string;
    readonly keepOutput?: string;
    readonly keepAtMost?: string;
  },
): Promise<void> {
  const { description, keepRuns, keepOutput, keepAtMost } = options;
  const body = {
    ...(description === undefined ? {} : { description }),
    ...(keepRuns === undefined ? {} : { keep_runs_ms: keptMs('--keep-runs', keepRuns) }),
    ...(keepOutput === undefined ? {} : { keep_output_ms: keptMs('--keep-output', keepOutput) }),
    ...(keepAtMost === undefined ? {} : { keep_runs_max: keptRuns(keepAtMost) }),
  };
  if (Object.keys(body).length === 0) {
    throw new Failure(
      'invalid_configuration',
      'Say what to change: --description, --keep-runs, --keep-output or --keep-at-most.',
    );
  }
  const path = `/v1/projects/${encodeURIComponent(reference)}`;
  const { revision } = await client.call({ method: 'GET', path, answer: projectSchema });
  const headers = { 'if-match': `"${revision}"` };
  const project = await client.call({ method: 'PATCH', path, body, headers, answer: projectSchema });
  if (print.json) print.data(project);
  else {
    print.out(`Changed the project ${project.name}.`);
    tellKept(print, project);
  }
}

function keptMs(option: string, text: string): number | null {
  if (text === 'default') return null;
  const ms = parseDuration(text);
  if (ms >= retentionMsMin && ms <= retentionMsMax) return ms;
  throw new Failure('invalid_configuration', `${option} takes an hour at least and a hundred years at most.`);
}

function keptRuns(text: string): number | null {
  if (text === 'all') return null;
  return parseCount(text, { name: '--keep-at-most', min: keptRunsMin, max: keptRunsMax });
}

function tellKept(print: Printer, project: z.output<typeof projectSchema>): void {
  const runs = keptFor(project.keep_runs_ms, runRetentionMsDefault);
  const output = keptFor(project.keep_output_ms, outputRetentionMsDefault);
  print.out(`Runs are kept ${runs} after their end, their output ${output}.`);
  if (project.keep_runs_max !== null) {
    print.out(`Of each action ${project.keep_runs_max} finished runs are kept at most.`);
  }
}

function keptFor(ms: number | null, byDefault: number): string {
  const hours = Math.round((ms ?? byDefault) / 3_600_000);
  const text = hours % 24 === 0 ? `${hours / 24} days` : `${hours} hours`;
  return ms === null ? `${text} (the default)` : text;
}

async function move(
  { client, print }: CommandContext,
  reference: string,
  { to = null }: { readonly to?: string | null },
): Promise<void> {
  const path = `/v1/projects/${encodeURIComponent(reference)}`;
  const { revision } = await client.call({ method: 'GET', path, answer: projectSchema });
  const moved = await client.call({
    method: 'POST',
    path: `${path}/move`,
    body: { folder: to },
    headers: { 'if-match': `"${revision}"` },
    answer: projectSchema,
  });
  if (print.json) print.data(moved);
  else print.out(`${moved.name} lies in ${moved.folder?.name ?? 'the organization'} now.`);
}

async function remove({ client, print }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/projects/${encodeURIComponent(reference)}` });
  print.err(`Deleted the project ${reference}.`);
}
