// `wayside session …`: where somebody is signed in with a browser.
import type { Command } from 'commander';
import { sessionPageSchema } from '../../protocol/api/sign-in.ts';
import { selfReference } from '../../protocol/ids.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { table, time } from '../print.ts';

export function registerSession(program: Command, surroundings: Surroundings): void {
  const session = program.command('session').description('where people are signed in with a browser');
  session
    .command('list [principal]')
    .description('list your sessions, or those of a user')
    .addHelpText('after', examples('wayside session list', 'wayside session list ada'))
    .action(acting(surroundings, list));
  session
    .command('end <id>')
    .description('end a session; it stops working at once')
    .addHelpText('after', examples('wayside session end 0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f'))
    .action(acting(surroundings, end));
}

async function list({ client, print }: CommandContext, principal: string | undefined): Promise<void> {
  const path = `/v1/principals/${encodeURIComponent(principal ?? selfReference)}/sessions`;
  const sessions = await everything(client, path, sessionPageSchema);
  if (print.json) {
    print.data(sessions);
    return;
  }
  const rows = sessions.map((row) => [
    row.id,
    row.address,
    row.amr.join(' '),
    time(row.last_seen_at),
    time(row.expires_at),
    row.elevated_until === null ? '' : `elevated until ${time(row.elevated_until)}`,
  ]);
  print.out(table(['ID', 'ADDRESS', 'SIGNED IN BY', 'LAST SEEN', 'ENDS', ''], rows));
}

async function end({ client, print }: CommandContext, id: string): Promise<void> {
  await client.send({ method: 'DELETE', path: `/v1/sessions/${encodeURIComponent(id)}` });
  print.err('Ended.');
}
