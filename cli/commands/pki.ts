// `wayside pki …`: the certificates behind agents and intents.
import type { Command } from 'commander';
import { z } from 'zod';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { time } from '../print.ts';
import { registerAuthorities } from './pki-authority.ts';
import { registerOffline } from './pki-offline.ts';
import { registerRoles } from './pki-role.ts';
import { registerSign } from './pki-sign.ts';

const chainSchema = z.looseObject({
  trust_domain: z.string(),
  root: z.string(),
  root_pin: z.string(),
  intent_key: z.string(),
});
const revocationListsSchema = z.looseObject({ pem: z.string(), next_update: z.number() });

export function registerPki(program: Command, surroundings: Surroundings): void {
  const pki = program.command('pki').description('authorities, roles and certificates, and keys of intents');
  registerAuthorities(pki, surroundings);
  const root = pki
    .command('root')
    .description('print the root certificate that agents pin (PEM); take its key away and let it sign')
    .addHelpText('after', examples('wayside pki root > root.pem'))
    .action(acting(surroundings, printRoot));
  const intermediate = pki.command('intermediate').description('let an offline root sign an intermediate');
  registerOffline({ root, intermediate }, surroundings);
  registerSign({ pki, root }, surroundings);
  registerRoles(pki, surroundings);
  pki
    .command('revocation-lists')
    .description(
      'print the revocation lists of all authorities (PEM), for others that check our certificates',
    )
    .addHelpText('after', examples('wayside pki revocation-lists > crl.pem'))
    .action(acting(surroundings, revocationLists));
  pki
    .command('rotate-intent-key')
    .description('sign intents with the next key from now on')
    .addHelpText('after', examples('wayside pki rotate-intent-key'))
    .action(acting(surroundings, rotateIntentKey));
}

async function printRoot({ client, print }: CommandContext): Promise<void> {
  const chain = await client.call({ method: 'GET', path: '/v1/pki/authority', answer: chainSchema });
  if (print.json) print.data(chain);
  else print.bytes(Buffer.from(chain.root));
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

async function rotateIntentKey({ client, print }: CommandContext): Promise<void> {
  const chain = await client.call({
    method: 'POST',
    path: '/v1/pki/intent-keys/rotate',
    answer: chainSchema,
  });
  if (print.json) print.data(chain);
  else print.out(`Intents are signed by ${chain.intent_key} now.`);
}
