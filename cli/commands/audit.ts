// `wayside audit …`: who did what, and whether the record is whole.
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { auditHeadSchema, auditPageSchema, auditVerifySchema } from '../../protocol/api/audit.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { auditHeadCharactersMax, pageRowsMax } from '../../protocol/limits.ts';
import { acting, allPages, collect, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseCount } from '../numbers.ts';
import { paint, table, time } from '../print.ts';

const rowsMax = 1_000_000;

export function registerAudit(program: Command, surroundings: Surroundings): void {
  const audit = program.command('audit').description('the record of changes and denials');
  audit
    .command('list')
    .description('list audit events, the newest first')
    .option('--limit <number>', 'how many', '50')
    .option('--operation <operation>', 'for instance run.start')
    .option('--principal <principal>', 'only what this one did')
    .option('--result <result>', 'allowed, denied or failed')
    .addHelpText(
      'after',
      examples('wayside audit list --result denied', 'wayside audit list --operation run.start'),
    )
    .action(acting(surroundings, list));
  audit
    .command('head')
    .description('print the newest signed head of the record, as JSON, to be kept elsewhere')
    .addHelpText('after', examples('wayside audit head > head-$(date +%F).json'))
    .action(acting(surroundings, head));
  audit
    .command('verify')
    .description('check the chain of the record: finds an edited, deleted or inserted event')
    .option(
      '--against <file>',
      'a head that was kept (`audit head`), - for standard input: finds a cut-off end, too',
    )
    .addHelpText(
      'after',
      examples('wayside audit verify', 'wayside audit verify --against head-2026-11-24.json'),
    )
    .action(acting(surroundings, verify));
}

interface ListOptions {
  readonly limit: string;
  readonly operation?: string;
  readonly principal?: string;
  readonly result?: string;
}

async function list({ client, print }: CommandContext, options: ListOptions): Promise<void> {
  const { operation, principal, result } = options;
  const limit = parseCount(options.limit, { name: '--limit', min: 1, max: rowsMax });
  const query = { operation, principal, result, limit: Math.min(limit, pageRowsMax) };
  const events = await collect(
    allPages(limit, (cursor) =>
      client.call({ method: 'GET', path: '/v1/audit', query: { cursor, ...query }, answer: auditPageSchema }),
    ),
  );
  if (print.json) {
    print.data(events);
    return;
  }
  const rows = events.map((event) => [
    time(event.at),
    event.principal?.name ?? '-',
    event.operation,
    event.result === 'denied' ? paint(print, 'red', 'denied') : event.result,
    event.resource,
  ]);
  print.out(table(['AT', 'WHO', 'DID', 'RESULT', 'RESOURCE'], rows));
}

async function head({ client, print }: CommandContext): Promise<void> {
  print.data(await client.call({ method: 'GET', path: '/v1/audit/head', answer: auditHeadSchema }));
}

async function verify(
  { client, print, exit, surroundings }: CommandContext,
  options: { readonly against?: string },
): Promise<void> {
  const against =
    options.against === undefined ? {} : { against: await readHead(surroundings, options.against) };
  const path = '/v1/audit/verify';
  const verdict = await client.call({ method: 'POST', path, body: against, answer: auditVerifySchema });
  if (!verdict.valid) exit(exitCodes.failed);
  if (print.json) {
    print.data(verdict);
    return;
  }
  if (!verdict.valid) {
    print.out(`${paint(print, 'red', 'broken')}: ${verdict.problem ?? ''}`);
    return;
  }
  print.out(`${paint(print, 'green', 'whole')}: ${verdict.events} events, head ${verdict.head?.hash ?? '-'}`);
  if (options.against === undefined) {
    print.err(
      'A record that was cut off at its end looks whole: keep heads elsewhere, and give one with --against.',
    );
  }
}

async function readHead(surroundings: Surroundings, file: string): Promise<unknown> {
  const { text } = await import('node:stream/consumers');
  try {
    const content = file === '-' ? await text(surroundings.stdin) : await readFile(file, 'utf8');
    if (content.length > auditHeadCharactersMax) throw new Error('it is too long for a head');
    return auditHeadSchema.parse(parseJson(content));
  } catch (cause) {
    const why =
      cause instanceof Error && 'code' in cause
        ? cause.message
        : 'it is not what `wayside audit head` prints';
    throw new Failure('invalid_configuration', `${file} cannot be used: ${why}.`, { cause });
  }
}
