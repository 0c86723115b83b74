// A PostgreSQL for a bench, durable as it comes: the one of TEST_DATABASE_URL, else one of the tests' that is told to
// keep what it says.
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { startPostgres } from '../../test/support/postgres-server.ts';

export interface BenchDatabase extends AsyncDisposable {
  /** What decides about a commit, and its version. */
  readonly settings: Readonly<Record<string, string>>;
  /** URL of an empty database of its own. */
  create(): Promise<string>;
}

const named = [
  'server_version',
  'fsync',
  'full_page_writes',
  'synchronous_commit',
  'shared_buffers',
] as const;

/** Throws where there is no PostgreSQL. */
export async function openBenchDatabase(): Promise<BenchDatabase> {
  const given = process.env['TEST_DATABASE_URL'] ?? '';
  const started =
    given === ''
      ? await startPostgres({ fsync: 'on', full_page_writes: 'on', shared_buffers: '128MB' })
      : null;
  if (started !== null && 'reasons' in started) {
    throw new Error(`there is no PostgreSQL: ${started.reasons.join('; ')}`);
  }
  const server = started?.url ?? given;
  const made: string[] = [];
  const settings = await asked(server, async (client) => {
    const values: Record<string, string> = {};
    for (const name of named) {
      const { rows } = await client.query<Record<string, string>>(`show ${name}`);
      values[name] = rows[0]?.[name] ?? '';
    }
    return values;
  });
  return {
    settings,
    async create() {
      const name = `wayside_bench_${randomUUID().replaceAll('-', '')}`;
      await asked(server, (client) => client.query(`create database ${name} template template0`));
      made.push(name);
      const url = new URL(server);
      url.pathname = `/${name}`;
      return url.href;
    },
    async [Symbol.asyncDispose]() {
      if (started !== null) return started.close();
      for (const name of made) {
        await asked(server, (client) => client.query(`drop database if exists ${name} with (force)`));
      }
    },
  };
}

async function asked<T>(url: string, ask: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await ask(client);
  } finally {
    await client.end();
  }
}
