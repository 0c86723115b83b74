// `wayside can-i` and `wayside decision show`: may I, and why not.
import type { Command } from 'commander';
import { decisionSchema, explanationSchema } from '../../protocol/api/authority.ts';
import type { BindingOutcome, Considered, DecisionTrace } from '../../protocol/api/authority.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, examples, many } from '../cli.ts';
import { splitPair } from '../inputs.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { paint, time } from '../print.ts';
import type { Printer } from '../print.ts';

export function registerDecision(program: Command, surroundings: Surroundings): void {
  program
    .command('can-i <permission> [where...]')
    .description('ask whether you may do something, and why; the exit code is 1 where not')
    .usage('<permission> [on <resource>] [options]')
    .option('--on <resource>', '`organization`, `folders/<f>`, `projects/<p>` or `projects/<p>/<thing>`')
    .option('--as <principal>', 'ask for somebody else')
    .option('-i, --input <name=value>', 'an input of the run that it is about; repeat for more', many, [])
    .addHelpText(
      'after',
      examples(
        'wayside can-i wayside.run.start on projects/default --as ada',
        'wayside can-i wayside.run.start on projects/checkout/actions/promote -i environment=staging',
      ),
    )
    .action(acting(surroundings, canI));
  const decision = program.command('decision').description('decisions about what somebody may do');
  decision
    .command('show <id>')
    .description('explain a denial: which bindings were looked at, and what was missing')
    .addHelpText('after', examples('wayside decision show 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, show));
}

interface CanIOptions {
  readonly on?: string;
  readonly as?: string;
  readonly input: readonly string[];
}

async function canI(
  { client, print, exit }: CommandContext,
  permission: string,
  where: readonly string[],
  options: CanIOptions,
): Promise<void> {
  const decision = await client.call({
    method: 'POST',
    path: '/v1/check',
    body: {
      permission,
      resource: resourceOf(where, options),
      ...(options.as === undefined ? {} : { principal: options.as }),
      ...(options.input.length === 0 ? {} : { inputs: inputsOf(options.input) }),
    },
    answer: decisionSchema,
  });
  if (!decision.allowed) exit(exitCodes.failed);
  if (print.json) print.data(decision);
  else explain(print, decision);
}

/** `on <resource>` or `<resource>` behind the permission, or `--on`. */
function resourceOf(where: readonly string[], { on }: CanIOptions): string {
  const words = where[0] === 'on' ? where.slice(1) : where;
  const [first, ...rest] = on === undefined ? words : [on, ...words];
  if (rest.length === 0) return first ?? 'organization';
  throw new Failure('invalid_configuration', 'Say one resource: wayside can-i PERMISSION on RESOURCE.');
}

/** As texts: conditions compare a number in its digits as they compare it as a number. */
function inputsOf(pairs: readonly string[]): Record<string, string> {
  const split = pairs.map((pair) => splitPair(pair, '--input takes name=value'));
  return Object.fromEntries(split.map(({ name, rest }) => [name, rest]));
}

async function show({ client, print }: CommandContext, id: string): Promise<void> {
  const path = `/v1/decisions/${encodeURIComponent(id)}`;
  const decision = await client.call({ method: 'GET', path, answer: explanationSchema });
  if (print.json) {
    print.data(decision);
    return;
  }
  print.out(`${time(decision.at)}  ${decision.principal} asked for ${decision.permission}`);
  print.out(`  on ${decision.resource.join('/')}`);
  explain(print, decision);
  const { now } = decision;
  if (now === null || now.policy_revision === decision.policy_revision) return;
  print.out(
    `now: ${now.allowed ? paint(print, 'green', 'yes') : paint(print, 'red', 'no')}, ${reasons[now.reason]}`,
  );
}

const reasons: Readonly<Record<DecisionTrace['reason'], string>> = {
  allowed: 'a role gives it',
  other_organization: 'it belongs to another organization',
  delegation_too_deep: 'too many act for one another',
  principal_disabled: 'the principal, or who acts for it, is disabled',
  denied: 'a binding denies it, which wins over all that allow it',
  no_binding: 'no role there gives it; someone who can make bindings can change that',
  not_in_force: 'a role gives it, but not yet or not any more',
  condition: 'a role gives it, but only with other inputs',
  confined: 'the token is confined to something else',
  token_scope: 'a role gives it, but the token is narrower',
  elevation_needed: 'a role gives it, to somebody who has just shown again who they are',
  actor_lacks: 'who acts for the principal may not do it itself',
  not_visible: 'it may not be seen',
};

function explain(print: Printer, { allowed, reason, considered, actor }: DecisionTrace): void {
  print.out(allowed ? paint(print, 'green', 'yes') : `${paint(print, 'red', 'no')}: ${reasons[reason]}`);
  for (const each of considered) print.out(`  ${looked(each)}`);
  if (actor === undefined) return;
  print.out(`  acting: ${actor.principal}, ${reasons[actor.reason]}`);
  for (const each of actor.considered) print.out(`    ${looked(each)}`);
}

const outcomes: Readonly<Record<BindingOutcome, string>> = {
  grants: 'gives it',
  denies: 'denies it',
  lacks: 'does not give it',
  not_yet: 'is not in force yet',
  expired: 'has ended',
  condition: 'gives it only with other inputs',
  depends: 'depends on the inputs',
};

function looked({ role, level, outcome, via, input }: Considered): string {
  const way = via.length === 0 ? '' : ` by ${via.length} ${via.length === 1 ? 'team' : 'teams'}`;
  return `${role} on ${level}${way} ${outcomes[outcome]}${input === undefined ? '' : ` (${input})`}`;
}
