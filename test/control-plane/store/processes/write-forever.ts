// Writes rows until it is killed, and prints the number of each only after the store acknowledged it.
import { writeSync } from 'node:fs';
import { openSqliteStore } from '../../../../control-plane/store/sqlite.ts';
import { step } from '../../../../control-plane/store/step.ts';

const [dataFolder = '', start = '0'] = process.argv.slice(2);
const store = await openSqliteStore({ dataFolder });
let next = Number(start);
writeSync(1, 'open\n');

async function writeOneAfterTheOther(): Promise<never> {
  for (;;) {
    const number = next++;
    const first = { reason: `first ${number}`, day: 'd', count: number };
    const second = { reason: `second ${number}`, day: 'd', count: number };
    await store.write([
      step(store.db.insertInto('audit_denials').values(first)),
      step(store.db.insertInto('audit_denials').values(second)),
    ]);
    writeSync(1, `${number}\n`);
  }
}

await Promise.all(Array.from({ length: 8 }, writeOneAfterTheOther));
