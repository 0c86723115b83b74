// `wayside audit list` and `wayside audit tail`: events of the record, page by page or as they come.
import type { Command } from 'commander';
import { auditPageSchema } from '../../protocol/api/audit.ts';
import type { AuditEvent } from '../../protocol/api/audit.ts';
import { Failure } from '../../protocol/failures.ts';
import { pageRowsMax } from '../../protocol/limits.ts';
import { acting, allPages, collect, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { followAudit } from '../follow-audit.ts';
import { parseCount } from '../numbers.ts';
import { paint, table, time } from '../print.ts';
import type { Printer } from '../print.ts';

const rowsMax = 1_000_000;

export function registerAuditList(audit: Command, surroundings: Surroundings): void {
  filtering(audit.command('list'))
    .description('list events, the newest first')
    .option('--limit <number>', 'how many', '50')
    .option('--since <time>', 'from this time on: 2026-11-24T08:00:00Z, or 2h for the last two hours')
    .option('--until <time>', 'before this time')
    .addHelpText(
      'after',
      examples(
        'wayside audit list --result denied --since 24h',
        'wayside audit list --principal ada --operation run.start',
        'wayside audit list --resource projects/0192f1c2-5a7b-7c3d-8e9f-0a1b2c3d4e5f --limit 1000',
      ),
    )
    .action(acting(surroundings, list));
  filtering(audit.command('tail'))
    .description('show the newest events, the oldest of them first')
    .option('-f, --follow', 'go on as events come; it takes up again where a connection broke')
    .option('-n, --lines <number>', 'how many', '10')
    .addHelpText('after', examples('wayside audit tail -f', 'wayside audit tail -f --result denied --json'))
    .action(acting(surroundings, tail));
}

function filtering(command: Command): Command {
  return command
    .option('--operation <operation>', 'for instance run.start')
    .option('--principal <principal>', 'only what this one did, also for others')
    .option('--result <result>', 'allowed, denied or failed')
    .option('--resource <resource>', 'this resource and what lies below it')
    .option('--permission <permission>', 'for instance wayside.run.start')
    .option('--decision <decision>', 'the event of this decision');
}

interface FilterOptions {
  readonly operation?: string;
  readonly principal?: string;
  readonly result?: string;
  readonly resource?: string;
  readonly permission?: string;
  readonly decision?: string;
}

function filterOf(options: FilterOptions) {
  const { operation, principal, result, resource, permission, decision } = options;
  return { operation, principal, result, resource, permission, decision };
}

interface ListOptions extends FilterOptions {
  readonly limit: string;
  readonly since?: string;
  readonly until?: string;
}

async function list({ client, print }: CommandContext, options: ListOptions): Promise<void> {
  const limit = parseCount(options.limit, { name: '--limit', min: 1, max: rowsMax });
  const query = {
    ...filterOf(options),
    since: parseTime(options.since),
    until: parseTime(options.until),
    limit: Math.min(limit, pageRowsMax),
  };
  const events = await collect(
    allPages(limit, (cursor) =>
      client.call({ method: 'GET', path: '/v1/audit', query: { cursor, ...query }, answer: auditPageSchema }),
    ),
  );
  if (print.json) print.data(events);
  else
    print.out(
      table(
        ['AT', 'WHO', 'DID', 'RESULT', 'RESOURCE'],
        events.map((event) => cells(print, event)),
      ),
    );
}

interface TailOptions extends FilterOptions {
  readonly follow?: boolean;
  readonly lines: string;
}

async function tail({ client, print }: CommandContext, options: TailOptions): Promise<void> {
  const last = parseCount(options.lines, { name: '--lines', min: 0, max: pageRowsMax });
  const filter = filterOf(options);
  const show = (event: AuditEvent) => {
    if (print.json) print.data(event);
    else print.out(cells(print, event).join('  '));
  };
  if (options.follow === true) {
    await followAudit(client, { ...filter, last }, { show, note: print.err });
    return;
  }
  const events = await collect(
    allPages(last, (cursor) =>
      client.call({
        ...{ method: 'GET', path: '/v1/audit', answer: auditPageSchema },
        query: { cursor, ...filter, limit: Math.max(1, last) },
      }),
    ),
  );
  [...events].reverse().forEach(show);
}

function cells(print: Printer, event: AuditEvent): string[] {
  const [nearest] = event.actors;
  const who = event.principal?.name ?? '-';
  return [
    time(event.at),
    nearest === undefined ? who : `${nearest.name} for ${who}`,
    event.operation,
    event.result === 'denied' ? paint(print, 'red', 'denied') : event.result,
    event.resource,
  ];
}

/** Epoch ms of a date, or of so long ago. Throws `invalid_configuration`. */
function parseTime(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const date = /^\d{4}-\d{2}-\d{2}/.test(text) ? Date.parse(text) : NaN;
  if (Number.isFinite(date)) return date;
  try {
    return Date.now() - parseDuration(text);
  } catch (cause) {
    throw new Failure(
      'invalid_configuration',
      `${JSON.stringify(text)} is no time; write 2026-11-24, 2026-11-24T08:00:00Z, or 2h for two hours ago.`,
      { cause },
    );
  }
}
