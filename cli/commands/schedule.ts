// `wayside schedule …`: press a button at set times.
import type { Command } from 'commander';
import { actionSchema, schedulePageSchema, scheduleSchema } from '../../protocol/api/operations.ts';
import type { Schedule } from '../../protocol/api/operations.ts';
import { acting, allPages, collect } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseInputs } from '../inputs.ts';
import { table, time } from '../print.ts';
import type { Printer } from '../print.ts';

export function registerSchedule(program: Command, surroundings: Surroundings): void {
  const schedule = program.command('schedule').description('runs at set times');
  const many = (value: string, before: string[]): string[] => [...before, value];
  schedule
    .command('create <name>')
    .description('run an action at set times')
    .requiredOption('--action <action>')
    .requiredOption('--cron <expression>', 'five or six fields, for instance "0 3 * * 1-5"')
    .option('--zone <zone>', 'IANA time zone', 'UTC')
    .option('-i, --input <name=value>', 'an input; repeat for more', many, [])
    .option('--skipped-hour <policy>', 'a time the clocks skip: run_after or skip', 'run_after')
    .option('--doubled-hour <policy>', 'a time that comes twice: first, second or both', 'first')
    .option('--misfire <policy>', 'times missed while nothing ran: skip, once or all', 'once')
    .addHelpText(
      'after',
      '\nExample:\n  wayside schedule create nightly --action backup --cron "0 3 * * *" --zone Europe/Berlin',
    )
    .action(acting(surroundings, create));
  schedule.command('list').description('list the schedules').action(acting(surroundings, list));
  schedule
    .command('show <schedule>')
    .description('show a schedule and its next ten times')
    .action(acting(surroundings, show));
  schedule.command('pause <schedule>').description('stop it from firing').action(acting(surroundings, pause));
  schedule.command('resume <schedule>').description('let it fire again').action(acting(surroundings, resume));
  schedule.command('delete <schedule>').description('delete a schedule').action(acting(surroundings, remove));
}

interface CreateOptions {
  readonly action: string;
  readonly cron: string;
  readonly zone: string;
  readonly input: string[];
  readonly skippedHour: string;
  readonly doubledHour: string;
  readonly misfire: string;
}

async function create(context: CommandContext, name: string, options: CreateOptions): Promise<void> {
  const { client, print, project } = context;
  const path = `${project}/actions/${encodeURIComponent(options.action)}`;
  const { definition } = await client.call({ method: 'GET', path, answer: actionSchema });
  const schedule = await client.call({
    method: 'POST',
    path: `${project}/schedules`,
    body: {
      name,
      action: options.action,
      cron: options.cron,
      zone: options.zone,
      inputs: parseInputs(options.input, definition?.inputs ?? null),
      skipped_hour: options.skippedHour,
      doubled_hour: options.doubledHour,
      misfire: options.misfire,
    },
    answer: scheduleSchema,
  });
  showSchedule(print, schedule);
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const schedules = await collect(
    allPages(Infinity, (cursor) =>
      client.call({
        method: 'GET',
        path: `${project}/schedules`,
        query: { cursor, limit: 200 },
        answer: schedulePageSchema,
      }),
    ),
  );
  if (print.json) {
    print.out(JSON.stringify(schedules));
    return;
  }
  const rows = schedules.map((row) => [
    row.name,
    row.action.name,
    `${row.cron} (${row.zone})`,
    row.enabled ? time(row.next_fire_at) : 'paused',
  ]);
  print.out(table(['NAME', 'ACTION', 'CRON', 'NEXT'], rows));
}

async function show({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const path = `${project}/schedules/${encodeURIComponent(reference)}`;
  showSchedule(print, await client.call({ method: 'GET', path, answer: scheduleSchema }));
}

async function pause(context: CommandContext, reference: string): Promise<void> {
  await setEnabled(context, reference, false);
}

async function resume(context: CommandContext, reference: string): Promise<void> {
  await setEnabled(context, reference, true);
}

async function setEnabled(
  { client, print, project }: CommandContext,
  reference: string,
  enabled: boolean,
): Promise<void> {
  const path = `${project}/schedules/${encodeURIComponent(reference)}`;
  const before = await client.call({ method: 'GET', path, answer: scheduleSchema });
  const headers = { 'if-match': `"${before.revision}"` };
  showSchedule(
    print,
    await client.call({ method: 'PATCH', path, headers, body: { enabled }, answer: scheduleSchema }),
  );
}

async function remove({ client, print, project }: CommandContext, reference: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `${project}/schedules/${encodeURIComponent(reference)}` });
  print.err(`Deleted the schedule ${reference}.`);
}

function showSchedule(print: Printer, schedule: Schedule): void {
  if (print.json) {
    print.out(JSON.stringify(schedule));
    return;
  }
  print.out(`${schedule.name}  runs ${schedule.action.name} at ${schedule.cron} (${schedule.zone})`);
  print.out(`  ${schedule.enabled ? 'next:' : 'paused; it would fire at:'}`);
  for (const at of schedule.next_fire_times) print.out(`    ${time(at)}`);
}
