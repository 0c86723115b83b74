// `wayside audit settings …`: how long events are kept, and which denials are written one by one.
import type { Command } from 'commander';
import { auditSettingsSchema } from '../../protocol/api/audit.ts';
import type { AuditSettingsView } from '../../protocol/api/audit.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditRetentionDaysMax, auditRetentionDaysMin, denialsPerMinuteMax } from '../../protocol/limits.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseCount } from '../numbers.ts';
import type { Printer } from '../print.ts';

const path = '/v1/audit/settings';

export function registerAuditSettings(audit: Command, surroundings: Surroundings): void {
  const settings = audit
    .command('settings')
    .description('how long events are kept, and which denials are written');
  settings
    .command('show')
    .description('show the settings')
    .addHelpText('after', examples('wayside audit settings show'))
    .action(acting(surroundings, show));
  settings
    .command('set')
    .description('change the settings; the change is an event of the record')
    .option('--retention <days>', `keep events so many days (${auditRetentionDaysMin} at least), or forever`)
    .option(
      '--denials <number>',
      'write so many denials of one principal in a minute one by one, and tell the rest together; or all',
    )
    .addHelpText(
      'after',
      examples('wayside audit settings set --retention 400', 'wayside audit settings set --denials all'),
    )
    .action(acting(surroundings, set));
}

async function show({ client, print }: CommandContext): Promise<void> {
  tell(print, await client.call({ method: 'GET', path, answer: auditSettingsSchema }));
}

async function set(
  { client, print }: CommandContext,
  options: { readonly retention?: string; readonly denials?: string },
): Promise<void> {
  const { retention, denials } = options;
  if (retention === undefined && denials === undefined) {
    throw new Failure('invalid_configuration', 'Say what to change: --retention, --denials or both.');
  }
  const body = {
    ...(retention === undefined ? {} : { retention_days: daysOf(retention) }),
    ...(denials === undefined ? {} : { denials_per_minute: denialsOf(denials) }),
  };
  const { revision } = await client.call({ method: 'GET', path, answer: auditSettingsSchema });
  const headers = { 'if-match': `"${revision}"` };
  tell(print, await client.call({ method: 'PATCH', path, body, headers, answer: auditSettingsSchema }));
}

function daysOf(text: string): number | null {
  if (text === 'forever') return null;
  return parseCount(text, { name: '--retention', min: auditRetentionDaysMin, max: auditRetentionDaysMax });
}

function denialsOf(text: string): number | null {
  if (text === 'all') return null;
  return parseCount(text, { name: '--denials', min: 0, max: denialsPerMinuteMax });
}

function tell(print: Printer, settings: AuditSettingsView): void {
  if (print.json) {
    print.data(settings);
    return;
  }
  const { retention_days: days, denials_per_minute: denials } = settings;
  print.out(days === null ? 'Events are kept for ever.' : `Events are kept ${days} days.`);
  print.out(
    denials === null
      ? 'Every denial is an event.'
      : `Of one principal ${denials} denials in a minute are events; the rest is told together.`,
  );
}
