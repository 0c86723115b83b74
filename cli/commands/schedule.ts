// `wayside schedule …`: press a button at set times.
import { Option } from 'commander';
import type { Command } from 'commander';
import { actionSchema, schedulePageSchema, scheduleSchema } from '../../protocol/api/operations.ts';
import type { Schedule } from '../../protocol/api/operations.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';
import type { Printer } from '../print.ts';
import { readInputs } from '../read-inputs.ts';

const cronHelp = `
The fields of an expression: [second] minute hour day-of-month month day-of-week. Names (jan, fri), lists, ranges and
steps work in all of them, Sunday is 0 or 7, and @daily and the like are short for the usual ones. Days may also be
L (the last), L-3, 15W (the workday nearest to the 15th), LW, fri#2 (the second Friday) and friL (the last one). Where
both day fields restrict, a day counts that either of them names; a field with a * in it does not restrict.`;

export function registerSchedule(program: Command, surroundings: Surroundings): void {
  const schedule = program.command('schedule').description('runs at set times');
  schedule
    .command('create <name>')
    .description('run an action at set times')
    .requiredOption('--action <action>', 'what it presses')
    .requiredOption('--cron <expression>', 'five or six fields, for instance "0 3 * * 1-5"')
    .option('--zone <zone>', 'IANA time zone', 'UTC')
    .option('-i, --input <name=value>', 'an input; repeat for more', many, [])
    .option('--secret <name=file>', 'a sensitive input from a file, - for standard input', many, [])
    .addOption(
      new Option(
        '--skipped-hour <policy>',
        'a time the clocks skip: run_after or skip (default: skip where the expression names every hour)',
      ).choices(['run_after', 'skip']),
    )
    .addOption(
      new Option(
        '--doubled-hour <policy>',
        'a time that comes twice: first, second or both (default: both where the expression names every hour)',
      ).choices(['first', 'second', 'both']),
    )
    .addOption(
      new Option('--misfire <policy>', 'times missed while nothing ran: skip, once or all')
        .choices(['skip', 'once', 'all'])
        .default('once'),
    )
    .addHelpText('after', cronHelp)
    .addHelpText(
      'after',
      examples('wayside schedule create nightly --action backup --cron "0 3 * * *" --zone Europe/Berlin'),
    )
    .action(acting(surroundings, create));
  schedule
    .command('list')
    .description('list the schedules')
    .addHelpText('after', examples('wayside schedule list'))
    .action(acting(surroundings, list));
  schedule
    .command('show <schedule>')
    .description('show a schedule and its next ten times')
    .addHelpText('after', examples('wayside schedule show nightly'))
    .action(acting(surroundings, show));
  registerChanges(schedule, surroundings);
}

function registerChanges(schedule: Command, surroundings: Surroundings): void {
  schedule
    .command('pause <schedule>')
    .description('stop it from firing')
    .addHelpText('after', examples('wayside schedule pause nightly'))
    .action(acting(surroundings, pause));
  schedule
    .command('resume <schedule>')
    .description('let it fire again')
    .addHelpText('after', examples('wayside schedule resume nightly'))
    .action(acting(surroundings, resume));
  schedule
    .command('delete <schedule>')
    .description('delete a schedule')
    .addHelpText('after', examples('wayside schedule delete nightly'))
    .action(acting(surroundings, remove));
}

interface CreateOptions {
  readonly action: string;
  readonly cron: string;
  readonly zone: string;
  readonly input: string[];
  readonly secret: string[];
  readonly skippedHour?: string;
  readonly doubledHour?: string;
  readonly misfire: string;
}

async function create(context: CommandContext, name: string, options: CreateOptions): Promise<void> {
  const { client, print, project } = context;
  const path = `${project}/actions/${encodeURIComponent(options.action)}`;
  const { definition } = await client.call({ method: 'GET', path, answer: actionSchema });
  const inputs = await readInputs(context.surroundings, options, definition?.inputs ?? null);
  const schedule = await client.call({
    method: 'POST',
    path: `${project}/schedules`,
    body: {
      name,
      action: options.action,
      cron: options.cron,
      zone: options.zone,
      inputs,
      skipped_hour: options.skippedHour,
      doubled_hour: options.doubledHour,
      misfire: options.misfire,
    },
    answer: scheduleSchema,
  });
  showSchedule(print, schedule);
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const schedules = await everything(client, `${project}/schedules`, schedulePageSchema);
  if (print.json) {
    print.data(schedules);
    return;
  }
  const rows = schedules.map((row) => [
    row.name,
    row.action.name,
    `${row.cron} (${row.zone})`,
    row.enabled ? time(row.next_fire_at) : 'paused',
    row.last_error === null ? time(row.last_fired_at) : row.last_error.code,
  ]);
  print.out(table(['NAME', 'ACTION', 'CRON', 'NEXT', 'LAST'], rows));
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
    print.data(schedule);
    return;
  }
  print.out(`${schedule.name}  runs ${schedule.action.name} at ${schedule.cron} (${schedule.zone})`);
  print.out(`  ${schedule.enabled ? 'next:' : 'paused; it would fire at:'}`);
  for (const at of schedule.next_fire_times) print.out(`    ${time(at)}`);
  print.out(`  its runs are requested by ${schedule.acts_for.name}`);
  if (schedule.last_fired_at !== null) {
    print.out(
      `  last fired ${time(schedule.last_fired_at)}${schedule.last_run === null ? '' : `: run ${schedule.last_run}`}`,
    );
  }
  if (schedule.last_error !== null) {
    const { at, code, message } = schedule.last_error;
    print.out(`  failed ${time(at)} (${code}): ${message}`);
  }
}
