// `wayside binding …`: who has which role where.
import type { Command } from 'commander';
import { bindingPageSchema, bindingSchema } from '../../protocol/api/authority.ts';
import type { Binding, Condition } from '../../protocol/api/authority.ts';
import { acting, everything, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { splitPair } from '../inputs.ts';
import { table, time } from '../print.ts';

const levels =
  '`organization`, `folders/<f>`, `projects/<p>`, or `projects/<p>/actions/<a>` or `…/groups/<g>`';

export function registerBinding(program: Command, surroundings: Surroundings): void {
  const binding = program.command('binding').description('who has which role where');
  binding
    .command('create <principal> <role>')
    .description('give a role to a user, a service or a team; `wayside role list` shows them')
    .option('--on <level>', levels, 'organization')
    .option('--deny', 'take what the role lists away, whatever else gives it')
    .option(
      '--if <input=value>',
      'only for runs with this input; the same input again is another value',
      many,
      [],
    )
    .option('--if-matches <input=pattern>', 'only where all of the input matches (RE2)', many, [])
    .option('--for <duration>', 'for so long from now on, for instance 8h')
    .addHelpText(
      'after',
      examples(
        'wayside binding create ada contributor --on projects/default',
        'wayside binding create ada contributor --on projects/checkout/actions/promote --if environment=staging',
        'wayside binding create operators admin --on folders/web',
        'wayside binding create ada contributor --on projects/vault --deny',
      ),
    )
    .action(acting(surroundings, create));
  binding
    .command('list')
    .description('list the bindings of the organization and all below')
    .option('--on <level>', 'only those of one level; of a project also those of things in it')
    .option('--of <principal>', 'only those of one principal')
    .addHelpText(
      'after',
      examples(
        'wayside binding list',
        'wayside binding list --on projects/shop',
        'wayside binding list --of ada',
      ),
    )
    .action(acting(surroundings, list));
  binding
    .command('delete <id>')
    .description('take a role away')
    .addHelpText('after', examples('wayside binding delete 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, remove));
}

interface CreateOptions {
  readonly on: string;
  readonly deny?: boolean;
  readonly if: readonly string[];
  readonly ifMatches: readonly string[];
  readonly for?: string;
}

async function create(
  { client, print }: CommandContext,
  principal: string,
  role: string,
  options: CreateOptions,
): Promise<void> {
  const body = {
    principal,
    role,
    level: options.on,
    ...(options.deny === true ? { effect: 'deny' } : {}),
    ...(options.for === undefined ? {} : { not_after: Date.now() + parseDuration(options.for) }),
    conditions: conditionsOf(options),
  };
  const made = await client.call({ method: 'POST', path: '/v1/bindings', body, answer: bindingSchema });
  if (print.json) print.data(made);
  else
    print.out(
      `${made.principal.name} ${made.effect === 'deny' ? 'is denied' : 'is'} ${made.role} on ${options.on}${limitsOf(made)}.`,
    );
}

function conditionsOf(options: CreateOptions): Condition[] {
  return [
    ...grouped(options.if, '--if takes input=value').map(([input, values]): Condition => {
      return { input, operator: values.length === 1 ? 'equals' : 'one_of', values };
    }),
    ...grouped(options.ifMatches, '--if-matches takes input=pattern').map(([input, values]): Condition => ({
      input,
      operator: 'matches',
      values,
    })),
  ];
}

function grouped(pairs: readonly string[], takes: string): [string, string[]][] {
  const byInput = new Map<string, string[]>();
  for (const pair of pairs) {
    const { name, rest } = splitPair(pair, takes);
    byInput.set(name, [...(byInput.get(name) ?? []), rest]);
  }
  return [...byInput];
}

async function list(
  { client, print }: CommandContext,
  options: { readonly on?: string; readonly of?: string },
): Promise<void> {
  const query = new URLSearchParams();
  const project = /^projects\/([^/]+)$/.exec(options.on ?? '')?.[1];
  if (project !== undefined) query.set('project', project);
  else if (options.on !== undefined) query.set('on', options.on);
  if (options.of !== undefined) query.set('principal', options.of);
  const path = query.size === 0 ? '/v1/bindings' : `/v1/bindings?${query.toString()}`;
  const bindings = await everything(client, path, bindingPageSchema);
  if (print.json) {
    print.data(bindings);
    return;
  }
  const rows = bindings.map((row) => [
    row.id,
    row.principal.name,
    row.effect === 'deny' ? `not ${row.role}` : row.role,
    row.level_name,
    limitsOf(row).replace(/^, /, ''),
  ]);
  print.out(table(['ID', 'PRINCIPAL', 'ROLE', 'ON', ''], rows));
}

async function remove({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/bindings/${encodeURIComponent(id)}` });
  print.err('Taken away.');
}

function limitsOf({ conditions, not_before, not_after }: Binding): string {
  const words = { equals: 'is', one_of: 'is one of', matches: 'matches' } as const;
  return [
    ...conditions.map(
      ({ input, operator, values }) => `, where ${input} ${words[operator]} ${values.join(', ')}`,
    ),
    ...(not_before === null ? [] : [`, from ${time(not_before)}`]),
    ...(not_after === null ? [] : [`, until ${time(not_after)}`]),
  ].join('');
}
