// Starts one PostgreSQL for a whole run of the tests that need it, and says loudly where there is none.
import { startPostgres } from './postgres-server.ts';
import type { PostgresServer } from './postgres-server.ts';

let started: PostgresServer | null = null;
let isMissed = false;

export async function setup(): Promise<void> {
  if ((process.env['TEST_DATABASE_URL'] ?? '') !== '') return;
  const server = await startPostgres();
  if ('reasons' in server) {
    const reasons = server.reasons.map((reason) => `  ${reason}`).join('\n');
    process.stderr.write(
      '\nNO POSTGRESQL: every test over it is skipped. Set TEST_DATABASE_URL, or install the dependencies with ' +
        `npm ci.\n${reasons}\n\n`,
    );
    // Where it must not be missing, that is a failure; told at the end, so that everything else has its result.
    isMissed = process.env['CI'] !== undefined || process.env['WAYSIDE_NEEDS_POSTGRES'] !== undefined;
    return;
  }
  process.env['TEST_DATABASE_URL'] = server.url;
  started = server;
}

export async function teardown(): Promise<void> {
  if (isMissed) throw new Error('PostgreSQL could not be started: what is about it was not tested');
  if (started === null) return;
  delete process.env['TEST_DATABASE_URL'];
  await started.close();
}
