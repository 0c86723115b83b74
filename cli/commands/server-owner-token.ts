// `wayside server owner-token`: the way back in for an owner who has lost every token.
import type { Command } from 'commander';
import { parseServerConfig } from '../../control-plane/config.ts';
import { examples } from '../cli.ts';
import type { Surroundings } from '../cli.ts';
import { openPrinter, paint, time } from '../print.ts';
import { actingOnServer } from './server.ts';

/** Adds it to the command `server`, whose options it shares. */
export function registerOwnerToken(server: Command, surroundings: Surroundings): void {
  server
    .command('owner-token')
    .description('issue a token of an owner, good for an hour, from a data folder that no server uses')
    .addHelpText('after', examples('wayside server owner-token --data /var/lib/wayside'))
    .action(
      actingOnServer(surroundings, async (flags, { json }) => {
        const { environment, streams } = surroundings;
        const print = openPrinter(streams, { json, environment });
        // Loaded when it is needed, as the server is.
        const { recoverOwnerOf } = await import('../../control-plane/recover-owner.ts');
        const { owner, token, expiresAt } = await recoverOwnerOf(parseServerConfig(flags, environment));
        if (json) print.data({ owner, token, expires_at: expiresAt });
        else print.out(token);
        print.err(
          `${paint(print, 'yellow', 'Once:')} the token of ${owner} ends ${time(expiresAt)}. ` +
            'Sign in with it, then issue another: `wayside token create`.',
        );
      }),
    );
}
