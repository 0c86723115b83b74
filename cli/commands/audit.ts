// `wayside audit …`: who did what, and whether the record is whole.
import type { Command } from 'commander';
import { auditPageSchema, auditVerifySchema } from '../../protocol/api/authority.ts';
import { acting, allPages, collect } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, table, time } from '../print.ts';

export function registerAudit(program: Command, surroundings: Surroundings): void {
  const audit = program.command('audit').description('the record of changes and denials');
  audit
    .command('list')
    .description('list audit events, the newest first')
    .option('--limit <number>', 'how many', '50')
    .option('--operation <operation>', 'for instance run.start')
    .option('--result <result>', 'allowed, denied or failed')
    .action(acting(surroundings, list));
  audit
    .command('verify')
    .description('check the chain of the record: finds an edited, deleted or inserted event')
    .action(acting(surroundings, verify));
}

async function list(
  { client, print }: CommandContext,
  options: { readonly limit: string; readonly operation?: string; readonly result?: string },
): Promise<void> {
  const { limit, operation, result } = options;
  const events = await collect(
    allPages(Number(limit), (cursor) =>
      client.call({
        method: 'GET',
        path: '/v1/audit',
        query: { cursor, operation, result, limit: 200 },
        answer: auditPageSchema,
      }),
    ),
  );
  if (print.json) {
    for (const event of events) print.out(JSON.stringify(event));
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

async function verify({ client, print, exit }: CommandContext): Promise<void> {
  const verdict = await client.call({
    method: 'POST',
    path: '/v1/audit/verify',
    body: {},
    answer: auditVerifySchema,
  });
  if (!verdict.valid) exit(1);
  if (print.json) print.out(JSON.stringify(verdict));
  else if (verdict.valid)
    print.out(
      `${paint(print, 'green', 'whole')}: ${verdict.events} events, head ${verdict.head?.hash ?? '-'}`,
    );
  else print.out(`${paint(print, 'red', 'broken')}: ${verdict.problem ?? ''}`);
}
