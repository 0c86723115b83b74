// `wayside project|principal|token|binding …` and `wayside can-i`: who may do what, and why.
import type { Command } from 'commander';
import {
  bindingPageSchema,
  bindingSchema,
  decisionSchema,
  principalPageSchema,
  principalSchema,
  projectPageSchema,
  projectSchema,
  tokenCreatedSchema,
  tokenPageSchema,
} from '../../protocol/api/authority.ts';
import { acting, allPages, collect } from '../cli.ts';
import type { CommandContext, Surroundings } from '../cli.ts';
import { parseDuration } from '../duration.ts';
import { paint, table, time } from '../print.ts';

export function registerAccess(program: Command, surroundings: Surroundings): void {
  registerProject(program, surroundings);
  registerPrincipal(program, surroundings);
  registerToken(program, surroundings);
  registerBinding(program, surroundings);
  program
    .command('can-i <permission>')
    .description('ask whether you may do something, and why')
    .option('--on <resource>', '`organization`, `projects/<p>` or `projects/<p>/<thing>`', 'organization')
    .option('--as <principal>', 'ask for somebody else')
    .addHelpText('after', '\nExample:\n  wayside can-i wayside.run.start --on projects/default --as ada')
    .action(acting(surroundings, canI));
}

function registerProject(program: Command, surroundings: Surroundings): void {
  const project = program.command('project').description('projects');
  project
    .command('create <name>')
    .description('create a project')
    .option('--description <text>')
    .action(
      acting(
        surroundings,
        async ({ client, print }, name: string, options: { readonly description?: string }) => {
          const made = await client.call({
            method: 'POST',
            path: '/v1/projects',
            body: { name, ...options },
            answer: projectSchema,
          });
          print.out(print.json ? JSON.stringify(made) : `Created the project ${made.name}.`);
        },
      ),
    );
  project
    .command('list')
    .description('list the projects that you may see')
    .action(
      acting(surroundings, async ({ client, print }) => {
        const rows = await everything(client, '/v1/projects', projectPageSchema);
        if (print.json) print.out(JSON.stringify(rows));
        else
          print.out(
            table(
              ['NAME', 'DESCRIPTION'],
              rows.map(({ name, description }) => [name, description]),
            ),
          );
      }),
    );
}

function registerPrincipal(program: Command, surroundings: Surroundings): void {
  const principal = program.command('principal').description('users and services');
  principal
    .command('create <name>')
    .description('create a user, or a service with --service')
    .option('--service')
    .action(
      acting(surroundings, async ({ client, print }, name: string, options: { readonly service?: true }) => {
        const kind = options.service === undefined ? 'user' : 'service';
        const made = await client.call({
          method: 'POST',
          path: '/v1/principals',
          body: { name, kind },
          answer: principalSchema,
        });
        if (print.json) print.out(JSON.stringify(made));
        else print.out(`Created ${made.name}. Next: \`wayside binding create ${made.name} viewer\`.`);
      }),
    );
  principal
    .command('list')
    .description('list users and services')
    .action(
      acting(surroundings, async ({ client, print }) => {
        const rows = await everything(client, '/v1/principals', principalPageSchema);
        if (print.json) print.out(JSON.stringify(rows));
        else {
          const cells = rows.map((row) => [row.name, row.kind, row.disabled_at === null ? '' : 'disabled']);
          print.out(table(['NAME', 'KIND', ''], cells));
        }
      }),
    );
  principal
    .command('disable <principal>')
    .description('stop all tokens of a principal at once; its name stays in the record')
    .action(
      acting(surroundings, async ({ client, print }, name: string) => {
        await client.send({ method: 'DELETE', path: `/v1/principals/${encodeURIComponent(name)}` });
        print.err(`Disabled ${name}.`);
      }),
    );
}

function registerToken(program: Command, surroundings: Surroundings): void {
  const token = program.command('token').description('personal access tokens');
  token
    .command('create <principal>')
    .description('issue a token; it is shown once')
    .requiredOption('--name <text>', 'what it is for')
    .option('--expires <duration>', 'for instance 30d')
    .action(
      acting(
        surroundings,
        async (
          { client, print },
          principal: string,
          options: { readonly name: string; readonly expires?: string },
        ) => {
          const made = await client.call({
            method: 'POST',
            path: `/v1/principals/${encodeURIComponent(principal)}/tokens`,
            body: {
              name: options.name,
              ...(options.expires === undefined ? {} : { expires_in_ms: parseDuration(options.expires) }),
            },
            answer: tokenCreatedSchema,
          });
          print.out(print.json ? JSON.stringify(made) : made.token);
          print.err(
            `${paint(print, 'yellow', 'Once:')} the token is not shown again; expires ${time(made.expires_at)}.`,
          );
        },
      ),
    );
  token
    .command('list <principal>')
    .description('list the tokens of a principal')
    .action(
      acting(surroundings, async ({ client, print }, principal: string) => {
        const rows = await everything(
          client,
          `/v1/principals/${encodeURIComponent(principal)}/tokens`,
          tokenPageSchema,
        );
        if (print.json) print.out(JSON.stringify(rows));
        else {
          const cells = rows.map((row) => [row.id, row.name, time(row.last_used_at), time(row.revoked_at)]);
          print.out(table(['ID', 'NAME', 'LAST USED', 'REVOKED'], cells));
        }
      }),
    );
  token
    .command('revoke <id>')
    .description('revoke a token; it stops working at once')
    .action(
      acting(surroundings, async ({ client, print }, id: string) => {
        await client.send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}` });
        print.err('Revoked.');
      }),
    );
}

function registerBinding(program: Command, surroundings: Surroundings): void {
  const binding = program.command('binding').description('who has which role where');
  binding
    .command('create <principal> <role>')
    .description('give a role: owner, admin, contributor or viewer')
    .option('--on <level>', '`organization` or `projects/<p>`', 'organization')
    .action(
      acting(
        surroundings,
        async ({ client, print }, principal: string, role: string, options: { readonly on: string }) => {
          const body = { principal, role, level: options.on };
          const made = await client.call({
            method: 'POST',
            path: '/v1/bindings',
            body,
            answer: bindingSchema,
          });
          print.out(
            print.json ? JSON.stringify(made) : `${made.principal.name} is ${made.role} on ${options.on}.`,
          );
        },
      ),
    );
  binding
    .command('list')
    .description('list the bindings')
    .action(
      acting(surroundings, async ({ client, print }) => {
        const rows = await everything(client, '/v1/bindings', bindingPageSchema);
        if (print.json) print.out(JSON.stringify(rows));
        else {
          const cells = rows.map((row) => [row.id, row.principal.name, row.role, row.level]);
          print.out(table(['ID', 'PRINCIPAL', 'ROLE', 'ON'], cells));
        }
      }),
    );
  binding
    .command('delete <id>')
    .description('take a role away')
    .action(
      acting(surroundings, async ({ client, print }, id: string) => {
        await client.send({ method: 'DELETE', path: `/v1/bindings/${encodeURIComponent(id)}` });
        print.err('Taken away.');
      }),
    );
}

async function canI(
  { client, print, exit }: CommandContext,
  permission: string,
  options: { readonly on: string; readonly as?: string },
): Promise<void> {
  const decision = await client.call({
    method: 'POST',
    path: '/v1/check',
    body: {
      permission,
      resource: options.on,
      ...(options.as === undefined ? {} : { principal: options.as }),
    },
    answer: decisionSchema,
  });
  if (!decision.allowed) exit(1);
  if (print.json) {
    print.out(JSON.stringify(decision));
    return;
  }
  print.out(
    decision.allowed ? paint(print, 'green', 'yes') : `${paint(print, 'red', 'no')}: ${decision.reason}`,
  );
  for (const { role, level, grants } of decision.considered) {
    print.out(`  ${role} on ${level} ${grants ? 'gives it' : 'does not give it'}`);
  }
}

async function everything<Row>(
  client: CommandContext['client'],
  path: string,
  answer: Parameters<CommandContext['client']['call']>[0]['answer'] & {
    readonly _zod: { readonly output: { items: Row[]; next_cursor: string | null } };
  },
): Promise<readonly Row[]> {
  return collect(
    allPages(Infinity, (cursor) =>
      client.call({ method: 'GET', path, query: { cursor, limit: 200 }, answer }),
    ) as AsyncIterable<Row>,
  );
}
