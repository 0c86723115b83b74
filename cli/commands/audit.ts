// `wayside audit …`: who did what, and whether the record is whole.
import type { Command } from 'commander';
import { auditHeadSchema, auditKeysSchema } from '../../protocol/api/audit.ts';
import { acting, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { registerAuditExport } from './audit-export.ts';
import { registerAuditList } from './audit-list.ts';
import { registerAuditSettings } from './audit-settings.ts';
import { registerAuditVerify } from './audit-verify.ts';

export function registerAudit(program: Command, surroundings: Surroundings): void {
  const audit = program.command('audit').description('the record of changes, denials and reads of logs');
  registerAuditList(audit, surroundings);
  registerAuditExport(audit, surroundings);
  registerAuditVerify(audit, surroundings);
  audit
    .command('head')
    .description('print the newest signed head of the record, as JSON, to be kept elsewhere')
    .addHelpText('after', examples('wayside audit head > head-$(date +%F).json'))
    .action(acting(surroundings, head));
  audit
    .command('keys')
    .description('print the public keys that sign heads, as JSON, to be kept elsewhere')
    .addHelpText('after', examples('wayside audit keys > audit-keys.json'))
    .action(acting(surroundings, keys));
  registerAuditSettings(audit, surroundings);
}

async function head({ client, print }: CommandContext): Promise<void> {
  print.data(await client.call({ method: 'GET', path: '/v1/audit/head', answer: auditHeadSchema }));
}

async function keys({ client, print }: CommandContext): Promise<void> {
  print.data(await client.call({ method: 'GET', path: '/v1/audit/keys', answer: auditKeysSchema }));
}
