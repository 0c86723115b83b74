// `wayside support …`: access for a time, asked for, approved, and gone by itself.
import type { Command } from 'commander';
import { supportPageSchema, supportSchema } from '../../protocol/api/policy.ts';
import type { Support } from '../../protocol/api/policy.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { table, time } from '../print.ts';

export function registerSupport(program: Command, surroundings: Surroundings): void {
  const support = program.command('support').description('access for a time, which somebody has to approve');
  support
    .command('request')
    .description('ask for a role somewhere, for a time')
    .requiredOption('--reason <text>', 'why')
    .option('--role <role>', 'the role', 'viewer')
    .option(
      '--on <level>',
      '`organization`, `folders/<f>`, `projects/<p>`, or one thing in a project',
      'organization',
    )
    .option('--for <duration>', 'how long, for instance 4h')
    .option('--ticket <id>', 'where it is written about')
    .addHelpText(
      'after',
      examples('wayside support request --on projects/checkout --for 2h --reason "a run hangs" --ticket T-7'),
    )
    .action(acting(surroundings, request));
  support
    .command('list')
    .description('list requests and what came of them')
    .option('--in-force', 'only what gives anything at this moment')
    .addHelpText('after', examples('wayside support list', 'wayside support list --in-force'))
    .action(acting(surroundings, list));
  support
    .command('show <id>')
    .description('show a request')
    .addHelpText('after', examples('wayside support show 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, show));
  support
    .command('approve <id>')
    .description('approve a request')
    .option('--for <duration>', 'for less time than was asked for')
    .addHelpText('after', examples('wayside support approve 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f --for 1h'))
    .action(acting(surroundings, approve));
  for (const [verb, description] of [
    ['refuse', 'refuse a request'],
    ['withdraw', 'take your own request back'],
    ['revoke', 'end access that was approved, at once'],
  ] as const) {
    support
      .command(`${verb} <id>`)
      .description(description)
      .addHelpText('after', examples(`wayside support ${verb} 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f`))
      .action(acting(surroundings, (context, id: string) => decide(context, id, verb)));
  }
}

const pathOf = (id: string): string => `/v1/support/${encodeURIComponent(id)}`;

async function request(
  { client, print }: CommandContext,
  options: {
    readonly reason: string;
    readonly role: string;
    readonly on: string;
    readonly for?: string;
    readonly ticket?: string;
  },
): Promise<void> {
  const { reason, role, on: level, ticket } = options;
  const made = await client.call({
    method: 'POST',
    path: '/v1/support',
    body: {
      reason,
      role,
      level,
      ...(options.for === undefined ? {} : { duration_ms: parseDuration(options.for) }),
      ...(ticket === undefined ? {} : { ticket }),
    },
    answer: supportSchema,
  });
  if (print.json) print.data(made);
  else print.out(`Asked. Somebody approves it with: wayside support approve ${made.id}`);
}

async function list(
  { client, print }: CommandContext,
  options: { readonly inForce?: boolean },
): Promise<void> {
  const path = options.inForce === true ? '/v1/support?state=in_force' : '/v1/support';
  const rows = await everything(client, path, supportPageSchema);
  if (print.json) {
    print.data(rows);
    return;
  }
  const lines = rows.map((row) => [
    row.id,
    row.principal.name,
    row.role,
    row.level,
    stateOf(row),
    row.reason,
  ]);
  print.out(table(['ID', 'WHO', 'ROLE', 'ON', 'STATE', 'REASON'], lines));
}

async function show({ client, print }: CommandContext, id: string): Promise<void> {
  const row = await client.call({ method: 'GET', path: pathOf(id), answer: supportSchema });
  if (print.json) print.data(row);
  else print.out(sentence(row));
}

async function approve(
  { client, print }: CommandContext,
  id: string,
  options: { readonly for?: string },
): Promise<void> {
  const body = options.for === undefined ? {} : { duration_ms: parseDuration(options.for) };
  const row = await client.call({
    method: 'POST',
    path: `${pathOf(id)}/approve`,
    body,
    answer: supportSchema,
  });
  if (print.json) print.data(row);
  else print.out(sentence(row));
}

async function decide(
  { client, print }: CommandContext,
  id: string,
  verb: 'refuse' | 'withdraw' | 'revoke',
): Promise<void> {
  const row = await client.call({ method: 'POST', path: `${pathOf(id)}/${verb}`, answer: supportSchema });
  if (print.json) print.data(row);
  else print.out(sentence(row));
}

function sentence(row: Support): string {
  const ticket = row.ticket === null ? '' : ` (${row.ticket})`;
  return `${row.principal.name}: ${row.role} on ${row.level}, ${stateOf(row)}; ${row.reason}${ticket}`;
}

function stateOf({ state, in_force, not_after, decided_by }: Support): string {
  const by = decided_by === null ? '' : ` by ${decided_by.name}`;
  if (state !== 'approved' || not_after === null) return `${state}${by}`;
  return `${in_force ? 'in force' : 'ended'}, approved${by}, until ${time(not_after)}`;
}
