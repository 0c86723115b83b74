// Starts one PostgreSQL for a whole run of the tests that need it, and says loudly where there is none.
import { startPostgres } from './postgres-server.ts';

export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  if ((process.env['TEST_DATABASE_URL'] ?? '') !== '') return undefined;
  const server = await startPostgres();
  if ('reasons' in server) {
    const reasons = server.reasons.map((reason) => `  ${reason}`).join('\n');
    process.stderr.write(
      `\nNO POSTGRESQL: every test over it is skipped. Set TEST_DATABASE_URL, or install dependencies with npm ci.\n${reasons}\n\n`,
    );
    // Where it must not be missing, that is a failure.
    if (process.env['CI'] !== undefined) throw new Error('PostgreSQL could not be started');
    return undefined;
  }
  process.env['TEST_DATABASE_URL'] = server.url;
  return async () => {
    delete process.env['TEST_DATABASE_URL'];
    await server.close();
  };
}
