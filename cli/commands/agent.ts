// `wayside agent …`: who is online, and how an agent leaves, quietly or at once.
import type { Command } from 'commander';
import { agentPageSchema, agentSchema, joinTokenSchema } from '../../protocol/api/operations.ts';
import type { Agent } from '../../protocol/api/operations.ts';
import { Failure } from '../../protocol/failures.ts';
import { acting, everything, examples } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { paint, table, time } from '../print.ts';
import type { Color, Printer } from '../print.ts';

export function registerAgent(program: Command, surroundings: Surroundings): void {
  const agent = program.command('agent').description('agents that joined the project');
  agent
    .command('list')
    .description('list the agents')
    .addHelpText('after', examples('wayside agent list'))
    .action(acting(surroundings, list));
  agent
    .command('show <agent>')
    .description('show an agent')
    .addHelpText('after', examples('wayside agent show basement'))
    .action(acting(surroundings, show));
  agent
    .command('update <agent>')
    .description('change what people call it and say of it; its identity stays')
    .option('--name <name>', 'another name, unique in the project')
    .option('--description <text>', 'what it is for')
    .addHelpText('after', examples('wayside agent update basement --description "Next to the boiler"'))
    .action(acting(surroundings, update));
  agent
    .command('drain <agent>')
    .description('let it finish what it runs and give it nothing new')
    .addHelpText('after', examples('wayside agent drain basement'))
    .action(acting(surroundings, drain));
  agent
    .command('revoke <agent>')
    .description('end its connections at once and never let its certificate in again')
    .option('--reason <text>', 'why; kept in the record')
    .addHelpText('after', examples('wayside agent revoke basement --reason "the machine was sold"'))
    .action(acting(surroundings, revoke));
  agent
    .command('recovery-token <agent>')
    .description('make a one-time token with which an agent whose certificate expired gets its identity back')
    .addHelpText('after', examples('wayside agent recovery-token basement'))
    .action(acting(surroundings, recoveryToken));
  agent
    .command('approve <agent>')
    .description('let a new agent of a production group in, after comparing the fingerprint of its key')
    .requiredOption('--fingerprint <sha256>', 'as the agent printed it')
    .addHelpText('after', examples('wayside agent approve basement --fingerprint 3b1f…'))
    .action(acting(surroundings, approve));
}

async function list({ client, print, project }: CommandContext): Promise<void> {
  const agents = await everything(client, `${project}/agents`, agentPageSchema);
  if (print.json) {
    print.data(agents);
    return;
  }
  const rows = agents.map((row) => [
    row.name,
    paintStatus(print, row.status),
    row.groups.join(' '),
    `${row.running}/${row.concurrency ?? '-'}`,
    row.version ?? '-',
    time(row.last_seen_at),
  ]);
  print.out(table(['NAME', 'STATUS', 'GROUPS', 'RUNNING', 'VERSION', 'LAST SEEN'], rows));
  for (const row of agents)
    for (const error of row.load_errors) print.err(`${row.name} refused a file: ${error}`);
}

async function show({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const path = `${project}/agents/${encodeURIComponent(reference)}`;
  showAgent(print, await client.call({ method: 'GET', path, answer: agentSchema }));
}

async function update(
  { client, print, project }: CommandContext,
  reference: string,
  options: { readonly name?: string; readonly description?: string },
): Promise<void> {
  if (options.name === undefined && options.description === undefined) {
    throw new Failure('invalid_configuration', 'Say what to change: --name, --description or both.');
  }
  const path = `${project}/agents/${encodeURIComponent(reference)}`;
  const { revision } = await client.call({ method: 'GET', path, answer: agentSchema });
  const headers = { 'if-match': `"${revision}"` };
  showAgent(print, await client.call({ method: 'PATCH', path, body: options, headers, answer: agentSchema }));
}

async function drain({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const path = `${project}/agents/${encodeURIComponent(reference)}/drain`;
  showAgent(print, await client.call({ method: 'POST', path, body: {}, answer: agentSchema }));
}

async function revoke(
  { client, print, project }: CommandContext,
  reference: string,
  options: { readonly reason?: string },
): Promise<void> {
  const path = `${project}/agents/${encodeURIComponent(reference)}/revoke`;
  showAgent(print, await client.call({ method: 'POST', path, body: options, answer: agentSchema }));
}

async function recoveryToken({ client, print, project }: CommandContext, reference: string): Promise<void> {
  const path = `${project}/agents/${encodeURIComponent(reference)}/recovery-tokens`;
  const made = await client.call({ method: 'POST', path, body: {}, answer: joinTokenSchema });
  if (print.json) {
    print.data(made);
    return;
  }
  print.out(made.command);
  print.err(
    `The token works one time, until ${time(made.expires_at)}, on the machine that has the agent's old key.`,
  );
}

async function approve(
  { client, print, project }: CommandContext,
  reference: string,
  options: { readonly fingerprint: string },
): Promise<void> {
  const path = `${project}/agents/${encodeURIComponent(reference)}/approve`;
  showAgent(print, await client.call({ method: 'POST', path, body: options, answer: agentSchema }));
}

function showAgent(print: Printer, agent: Agent): void {
  if (print.json) {
    print.data(agent);
    return;
  }
  print.out(`${agent.name}  ${paintStatus(print, agent.status)}`);
  if (agent.description !== '') print.out(`  ${agent.description}`);
  print.out(`  groups       ${agent.groups.join(' ')}`);
  print.out(`  running      ${agent.running} of ${agent.concurrency ?? '-'}`);
  print.out(`  key          ${agent.key_fingerprint}`);
  print.out(`  certificate  until ${time(agent.certificate_not_after)}`);
  print.out(`  last seen    ${time(agent.last_seen_at)}`);
  if (agent.shares_user === true)
    print.out('  note         its commands run as the user of the agent itself');
  for (const error of agent.load_errors) print.out(`  refused      ${error}`);
}

const statusColors: Readonly<Record<Agent['status'], Color>> = {
  online: 'green',
  offline: 'gray',
  draining: 'yellow',
  revoked: 'red',
  pending_approval: 'yellow',
  quarantined: 'red',
};

function paintStatus(print: Printer, status: Agent['status']): string {
  return paint(print, statusColors[status], status.replace('_', ' '));
}
