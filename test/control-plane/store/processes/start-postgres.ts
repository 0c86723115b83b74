// Starts a PostgreSQL, says where it is, and stays.
import { startPostgres } from '../../../support/postgres-server.ts';

const server = await startPostgres();
if ('reasons' in server) throw new Error(server.reasons.join('\n'));
process.stdout.write(`${JSON.stringify({ port: server.port, folder: server.folder })}\n`);
setInterval(() => undefined, 1_000);
