// `wayside organization`: what everything else is in, and its name.
import type { Command } from 'commander';
import type { z } from 'zod';
import { organizationSchema } from '../../protocol/api/authority.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { time } from '../print.ts';
import type { Printer } from '../print.ts';

const path = '/v1/organization';

export function registerOrganization(program: Command, surroundings: Surroundings): void {
  const organization = program
    .command('organization')
    .description('show the organization that the token belongs to')
    .addHelpText('after', examples('wayside organization'))
    .action(acting(surroundings, show));
  organization
    .command('rename <name>')
    .description('give it another name; its id and its trust domain stay')
    .addHelpText('after', examples('wayside organization rename acme'))
    .action(acting(surroundings, rename));
}

async function show({ client, print }: CommandContext): Promise<void> {
  tell(print, await client.call({ method: 'GET', path, answer: organizationSchema }));
}

async function rename({ client, print }: CommandContext, name: string): Promise<void> {
  const { revision } = await client.call({ method: 'GET', path, answer: organizationSchema });
  const headers = { 'if-match': `"${revision}"` };
  tell(
    print,
    await client.call({ method: 'PATCH', path, body: { name }, headers, answer: organizationSchema }),
  );
}

function tell(print: Printer, organization: z.output<typeof organizationSchema>): void {
  if (print.json) {
    print.data(organization);
    return;
  }
  const { name, trust_domain, created_at } = organization;
  print.out(`${name}  trust domain ${trust_domain}, since ${time(created_at)}`);
}
