// Opens a store, writes one row, and prints as JSON how that went; for tests that need another process or user.
import { Failure } from '../../../../protocol/failures.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite.ts';
import { step } from '../../../../control-plane/store/step.ts';

const [dataFolder = '', rows = '1'] = process.argv.slice(2);
const print = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const tell = (cause: unknown) =>
  cause instanceof Failure
    ? { code: cause.code, message: cause.message, details: cause.details }
    : { code: 'not a failure', message: String(cause), details: {} };

try {
  const store = await openSqliteStore({ dataFolder, onFatal: (failure) => print({ fatal: tell(failure) }) });
  print({ open: process.pid });
  for (let count = 0; count < Number(rows); count += 1) {
    const row = { reason: `row ${count} ${'x'.repeat(2000)}`, day: String(process.pid), count };
    try {
      await store.write([step(store.db.insertInto('audit_denials').values(row))]);
      print({ wrote: count });
    } catch (cause) {
      print({ refused: tell(cause) });
      break;
    }
  }
  const stored = await store.read(store.db.selectFrom('audit_denials').select('count').compile());
  print({ stored: stored.length });
  if (process.argv[4] === 'hold') await new Promise((resolve) => process.stdin.once('data', resolve));
  await store.close();
} catch (cause) {
  print({ failed: tell(cause) });
}
process.stdin.destroy();
