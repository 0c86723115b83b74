// `wayside elevate`: shows again who one is and says what for, to do what is sensitive for a quarter of an hour.
import type { Command } from 'commander';
import { elevatedSchema } from '../../protocol/api/sign-in.ts';
import { Failure } from '../../protocol/failures.ts';
import { readSecret } from '../ask.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { time } from '../print.ts';

export function registerElevate(program: Command, surroundings: Surroundings): void {
  program
    .command('elevate')
    .description('show again who you are, to do what is sensitive for 15 minutes')
    .requiredOption('--reason <text>', 'what you need it for; it is written into the audit trail')
    .option('--password-file <file>', 'the password, and a code on a second line; - for standard input')
    .addHelpText('after', examples('wayside elevate --reason "delete the old project"'))
    .action(acting(surroundings, elevate));
}

interface ElevateOptions {
  readonly reason: string;
  readonly passwordFile?: string;
}

async function elevate(context: CommandContext, options: ElevateOptions): Promise<void> {
  const { print, surroundings } = context;
  const file = options.passwordFile;
  const given = await readSecret(surroundings, { file, prompt: 'Password' });
  const [password = '', code = ''] = given.split(/\r?\n/);
  const until = await elevateOrAskForCode(context, { reason: options.reason, password, code });
  if (print.json) print.data({ elevated_until: until });
  else print.out(`Elevated until ${time(until)}.`);
}

async function elevateOrAskForCode(
  { client, surroundings }: CommandContext,
  body: { readonly reason: string; readonly password: string; readonly code: string },
): Promise<number> {
  const send = async (more: typeof body): Promise<number> => {
    const call = { method: 'POST', path: '/v1/elevate', body: more, answer: elevatedSchema } as const;
    return (await client.call(call)).elevated_until;
  };
  try {
    return await send(body);
  } catch (error) {
    const isAsked = error instanceof Failure && error.details['second_factor'] === true;
    if (!isAsked || !surroundings.stdin.isTTY) throw error;
    return send({ ...body, code: await readSecret(surroundings, { prompt: 'Code, or recovery code' }) });
  }
}
