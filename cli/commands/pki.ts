// `wayside pki …`: the certificates behind agents and intents.
import type { Command } from 'commander';
import { z } from 'zod';
import { acting } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { time } from '../print.ts';

const authoritySchema = z.looseObject({
  trust_domain: z.string(),
  root: z.string(),
  root_pin: z.string(),
  intent_key: z.string(),
});
const revocationListsSchema = z.looseObject({ pem: z.string(), next_update: z.number() });

export function registerPki(program: Command, surroundings: Surroundings): void {
  const pki = program.command('pki').description('certificates of agents, and keys of intents');
  pki
    .command('root')
    .description('print the root certificate (PEM)')
    .addHelpText('after', '\nExample:\n  wayside pki root > root.pem')
    .action(acting(surroundings, root));
  pki
    .command('revocation-lists')
    .description('print the revocation lists (PEM), for others that check our certificates')
    .addHelpText('after', '\nExample:\n  wayside pki revocation-lists > crl.pem')
    .action(acting(surroundings, revocationLists));
  pki
    .command('rotate-intent-key')
    .description('sign intents with the next key from now on')
    .addHelpText('after', '\nExample:\n  wayside pki rotate-intent-key')
    .action(acting(surroundings, rotate));
}

async function root({ client, print }: CommandContext): Promise<void> {
  const authority = await client.call({ method: 'GET', path: '/v1/pki/authority', answer: authoritySchema });
  if (print.json) print.data(authority);
  else print.bytes(Buffer.from(authority.root));
}

async function revocationLists({ client, print }: CommandContext): Promise<void> {
  const lists = await client.call({
    method: 'GET',
    path: '/v1/pki/revocation-lists',
    answer: revocationListsSchema,
  });
  if (print.json) print.data(lists);
  else print.bytes(Buffer.from(lists.pem));
  if (!print.json) print.err(`Fetch them again before ${time(lists.next_update)}.`);
}

async function rotate({ client, print }: CommandContext): Promise<void> {
  const authority = await client.call({
    method: 'POST',
    path: '/v1/pki/intent-keys/rotate',
    answer: authoritySchema,
  });
  if (print.json) print.data(authority);
  else print.out(`Intents are signed by ${authority.intent_key} now.`);
}
