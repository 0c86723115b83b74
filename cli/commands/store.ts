// `wayside store`: the database itself. Everything here acts on it in this process and asks no server.
import type { Command } from 'commander';
import { environmentName, parseServerConfig, serverOptions } from '../../control-plane/config.ts';
import type { ServerConfig } from '../../control-plane/config.ts';
import type { Move } from '../../control-plane/store/notes.ts';
import type { StoreStatus } from '../../control-plane/store/status.ts';
import { Failure } from '../../protocol/failures.ts';
import { examples } from '../cli.ts';
import type { Surroundings } from '../cli.ts';
import { openPrinter, paint, time } from '../print.ts';
import type { Printer } from '../print.ts';
import { actingOnServer } from './server.ts';

type Act = (config: ServerConfig, print: Printer) => Promise<void>;

export function registerStore(program: Command, surroundings: Surroundings): void {
  const store = program
    .command('store')
    .description('the database: its schema, and the way from SQLite to PostgreSQL and back');
  const add = (name: string, words: { readonly says: string; readonly example: string }, act: Act) => {
    const command = store.command(name).description(words.says);
    for (const option of ['data', 'database-url', 'database-password-file'] as const) {
      command.option(`--${option} <${option}>`, `${serverOptions[option].help} (${environmentName(option)})`);
    }
    command.addHelpText('after', examples(words.example)).action(
      actingOnServer(surroundings, async (flags, { json }) => {
        const { environment, streams } = surroundings;
        await act(parseServerConfig(flags, environment), openPrinter(streams, { json, environment }));
      }),
    );
  };
  add(
    'status',
    { says: 'which database this is, and how far its schema is', example: 'wayside store status' },
    status,
  );
  add(
    'migrate',
    {
      says: 'bring the schema to that of this program; a start does the same',
      example: 'wayside store migrate',
    },
    migrate,
  );
  add(
    'import',
    {
      says: 'move everything from the data folder into PostgreSQL; no server may be using either',
      example: 'DATABASE_URL=postgres://wayside@db/wayside wayside store import --data ./wayside-data',
    },
    move('import'),
  );
  add(
    'export',
    {
      says: 'move everything from PostgreSQL into the data folder; no server may be using either',
      example: 'DATABASE_URL=postgres://wayside@db/wayside wayside store export --data ./wayside-data',
    },
    move('export'),
  );
}

async function status(config: ServerConfig, print: Printer): Promise<void> {
  const { readStatus } = await import('../../control-plane/store/status.ts');
  tellStatus(print, await readStatus(config));
}

async function migrate(config: ServerConfig, print: Printer): Promise<void> {
  const { openStore } = await import('../../control-plane/store/open-store.ts');
  const { readStatus } = await import('../../control-plane/store/status.ts');
  const store = await openStore({ config, purpose: 'a migration' });
  await store.close();
  tellStatus(print, await readStatus(config));
}

function move(direction: 'import' | 'export'): Act {
  return async ({ dataFolder, database }, print) => {
    if (database === null) {
      throw new Failure('invalid_configuration', 'Name the database of PostgreSQL: set DATABASE_URL.');
    }
    const options = { dataFolder, database, clock: { now: () => Date.now() } };
    const moved =
      direction === 'import'
        ? await (await import('../../control-plane/store/move/import.ts')).importStore(options)
        : await (await import('../../control-plane/store/move/export.ts')).exportStore(options);
    tellMove(print, moved);
  };
}

function tellMove(print: Printer, moved: Move): void {
  if (print.json) {
    print.data(moved);
    return;
  }
  const rows = moved.tables.reduce((sum, table) => sum + table.rows, 0);
  print.out(
    `${paint(print, 'green', 'moved')}: ${rows} rows of ${moved.tables.length} tables, each read back and found the same.`,
  );
  print.out(
    moved.to === 'postgres'
      ? 'Keep the data folder: the keyring in it stays, and every control plane needs it. Start the server with DATABASE_URL set.'
      : 'Put the keyring into the data folder where it is not there yet, and start the server without DATABASE_URL.',
  );
  print.out('What was left behind says that it has moved, and no server starts on it.');
}

function tellStatus(print: Printer, found: StoreStatus): void {
  if (print.json) {
    const { trustDomain, movedTo, controlPlanes, ...same } = found;
    print.data({ ...same, trust_domain: trustDomain, moved_to: movedTo, control_planes: controlPlanes });
    return;
  }
  const newest = found.applied.at(-1);
  print.out(`place        ${found.place}`);
  print.out(`engine       ${found.engine} ${found.version}`);
  print.out(`size         ${found.bytes} bytes`);
  print.out(`incarnation  ${found.incarnation ?? 'none yet'}`);
  print.out(`trust domain ${found.trustDomain ?? 'none yet'}`);
  print.out(
    newest === undefined
      ? 'schema       none yet'
      : `schema       ${newest.number} ${newest.name}, since ${time(newest.applied_at)}`,
  );
  if (found.pending.length > 0) print.out(`pending      ${found.pending.join(', ')}`);
  if (found.controlPlanes !== null) print.out(`in use by    ${found.controlPlanes} control planes`);
  if (found.movedTo !== null) print.out(`moved to     ${found.movedTo}`);
  for (const warning of found.warnings) print.err(`${paint(print, 'yellow', 'Warning:')} ${warning}`);
}
