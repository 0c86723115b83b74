// `wayside entitlement …`: what the organization is limited to.
import type { Command } from 'commander';
import { entitlementListSchema, entitlementSchema } from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { table, time } from '../print.ts';

export function registerEntitlement(program: Command, surroundings: Surroundings): void {
  const entitlement = program
    .command('entitlement')
    .description('limits of the organization: actions, agents, projects, runs_per_day');
  entitlement
    .command('list')
    .description('list what is limited, and how much of it is used')
    .addHelpText('after', examples('wayside entitlement list'))
    .action(acting(surroundings, list));
  entitlement
    .command('set <name>')
    .description('limit something')
    .option('--quota <count>', 'how many there may be')
    .option('--until <time>', 'when it ends, for instance 2027-01-31T00:00:00Z')
    .option('--grace <duration>', 'how long it goes on after that, with a warning', '0s')
    .addHelpText('after', examples('wayside entitlement set runs_per_day --quota 1000 --grace 2d'))
    .action(acting(surroundings, set));
  entitlement
    .command('delete <name>')
    .description('limit it no more')
    .addHelpText('after', examples('wayside entitlement delete runs_per_day'))
    .action(acting(surroundings, remove));
}

const pathOf = (name: string): string => `/v1/entitlements/${encodeURIComponent(name)}`;

async function list({ client, print }: CommandContext): Promise<void> {
  const { items } = await client.call({
    method: 'GET',
    path: '/v1/entitlements',
    answer: entitlementListSchema,
  });
  if (print.json) {
    print.data(items);
    return;
  }
  const rows = items.map((row) => [
    row.name,
    row.quota === null ? '' : `${String(row.used)} of ${row.quota}`,
    row.ends_at === null ? '' : time(row.ends_at),
    row.state,
  ]);
  print.out(table(['NAME', 'USED', 'UNTIL', 'STATE'], rows));
}

async function set(
  { client, print }: CommandContext,
  name: string,
  options: { readonly quota?: string; readonly until?: string; readonly grace: string },
): Promise<void> {
  const body = {
    quota: options.quota === undefined ? null : wholeNumber(options.quota),
    ends_at: options.until === undefined ? null : parseTime(options.until),
    grace_ms: parseDuration(options.grace),
  };
  const row = await client.call({ method: 'PUT', path: pathOf(name), body, answer: entitlementSchema });
  if (print.json) print.data(row);
  else print.out(`${row.name}: ${row.state}.`);
}

async function remove({ client, print }: CommandContext, name: string): Promise<void> {
  await client.send({ method: 'DELETE', path: pathOf(name) });
  print.err(`${name} is limited no more.`);
}

/** Throws `invalid_configuration`. */
function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new Failure(
    'invalid_configuration',
    `--quota takes a whole number; ${JSON.stringify(text)} is none.`,
  );
}

/** Epoch ms of a time in ISO 8601. Throws `invalid_configuration`. */
function parseTime(text: string): number {
  const ms = Date.parse(text);
  if (!Number.isNaN(ms)) return ms;
  throw new Failure(
    'invalid_configuration',
    `${JSON.stringify(text)} is no time; write 2027-01-31T00:00:00Z.`,
  );
}
