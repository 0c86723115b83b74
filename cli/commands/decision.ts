// `wayside can-i` and `wayside decision show`: may I, and why not.
import type { Command } from 'commander';
import { decisionSchema } from '../../protocol/api/authority.ts';
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { paint, time } from '../print.ts';
import type { Printer } from '../print.ts';

export function registerDecision(program: Command, surroundings: Surroundings): void {
  program
    .command('can-i <permission>')
    .description('ask whether you may do something, and why; the exit code is 1 where not')
    .option('--on <resource>', '`organization`, `projects/<p>` or `projects/<p>/<thing>`', 'organization')
    .option('--as <principal>', 'ask for somebody else')
    .addHelpText('after', examples('wayside can-i wayside.run.start --on projects/default --as ada'))
    .action(acting(surroundings, canI));
  const decision = program.command('decision').description('decisions about what somebody may do');
  decision
    .command('show <id>')
    .description('explain a denial: which bindings were looked at, and what was missing')
    .addHelpText('after', examples('wayside decision show 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, show));
}

async function canI(
  { client, print, exit }: CommandContext,
  permission: string,
  options: { readonly on: string; readonly as?: string },
): Promise<void> {
  const principal = options.as === undefined ? {} : { principal: options.as };
  const decision = await client.call({
    method: 'POST',
    path: '/v1/check',
    body: { permission, resource: options.on, ...principal },
    answer: decisionSchema,
  });
  if (!decision.allowed) exit(exitCodes.failed);
  if (print.json) print.data(decision);
  else explain(print, decision);
}

async function show({ client, print }: CommandContext, id: string): Promise<void> {
  const path = `/v1/decisions/${encodeURIComponent(id)}`;
  const decision = await client.call({ method: 'GET', path, answer: decisionSchema });
  if (print.json) {
    print.data(decision);
    return;
  }
  print.out(`${time(decision.at)}  ${decision.principal} asked for ${decision.permission}`);
  print.out(`  on ${decision.resource.join('/')}`);
  explain(print, decision);
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

function explain(print: Printer, { allowed, reason, considered }: DecisionTrace): void {
  print.out(allowed ? paint(print, 'green', 'yes') : `${paint(print, 'red', 'no')}: ${reasons[reason]}`);
  for (const { role, level, grants } of considered) {
    print.out(`  ${role} on ${level} ${grants ? 'gives it' : 'does not give it'}`);
  }
}
