// `wayside token exchange`: a narrower token from the one in use (RFC 8693), for a script or for somebody who helps.
import type { Command } from 'commander';
import { tokenAnswerSchema, tokenErrorSchema } from '../../protocol/api/oauth.ts';
import { Failure } from '../../protocol/failures.ts';
import { readSecret } from '../ask.ts';
import { acting, examples, many } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { clientId, tokenPath } from '../sign-in.ts';

const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token';

/** `token` is the command that `wayside token …` belongs to. */
export function registerTokenExchange(token: Command, surroundings: Surroundings): void {
  token
    .command('exchange')
    .description('make a short-lived token that can do less than the one you use, and ends with it')
    .option('--permission <permission>', 'all that it may do; repeat for more', many, [])
    .option('--on <resource>', 'where it reaches, for instance projects/shop/actions/deploy')
    .option('--as <principal>', 'act for somebody; the token names you too')
    .option('--may-act <principal>', 'who may act for you by it')
    .option('--token-file <file>', 'make it of another token, - for standard input')
    .addHelpText(
      'after',
      examples(
        'wayside token exchange --permission wayside.run.start --on projects/shop/actions/deploy',
        'wayside token exchange --as ada --permission wayside.run.read',
      ),
    )
    .action(acting(surroundings, exchange));
}

async function exchange(
  { client, print, surroundings }: CommandContext,
  options: {
    readonly permission: string[];
    readonly on?: string;
    readonly as?: string;
    readonly mayAct?: string;
    readonly tokenFile?: string;
  },
): Promise<void> {
  const { permission, on, as, mayAct, tokenFile } = options;
  const subject =
    tokenFile === undefined
      ? await client.bearer()
      : await readSecret(surroundings, { file: tokenFile, prompt: 'Token' });
  if (subject === null) throw new Failure('not_signed_in', 'There is no token to exchange. Sign in first.');
  const { status, body } = await client.form(tokenPath, {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_id: clientId,
    subject_token: subject,
    subject_token_type: accessTokenType,
    ...(permission.length === 0 ? {} : { scope: permission.join(' ') }),
    ...(on === undefined
      ? {}
      : { authorization_details: JSON.stringify([{ type: 'wayside', resource: on }]) }),
    ...(as === undefined ? {} : { requested_subject: as }),
    ...(mayAct === undefined ? {} : { may_act: mayAct }),
  });
  if (status !== 200) throw refusedBy(body);
  const made = tokenAnswerSchema.parse(body);
  if (print.json) print.data(made);
  else print.out(made.access_token);
  print.err(
    `It lapses in ${Math.floor(made.expires_in / 60)} minutes, or when the token that it was made of does.`,
  );
}

function refusedBy(body: unknown): Failure {
  const { error, error_description: description } = tokenErrorSchema.parse(body);
  const why = `The server made no token: ${description ?? error} (${error}).`;
  return new Failure(error === 'invalid_grant' ? 'forbidden' : 'invalid_request', why);
}
