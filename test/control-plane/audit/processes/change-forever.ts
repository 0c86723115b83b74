// Changes things and says so in the trail, as fast as it can, until it is killed. Prints each number when its unit is
// durable, and chains meanwhile.
import { randomUUIDv7 } from 'node:crypto';
import { join } from 'node:path';
import process from 'node:process';
import { openAudit } from '../../../../control-plane/audit/audit.ts';
import { openKeyring } from '../../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../../control-plane/secrets/secrets.ts';
import { openPostgresStore } from '../../../../control-plane/store/postgres.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { openSqliteStore } from '../../../../control-plane/store/sqlite.ts';
import { step } from '../../../../control-plane/store/step.ts';

const [dataFolder = '', organization = '', from = '0'] = process.argv.slice(2);
const clock = {
  now: () => Date.now(),
  after: (ms: number, wake: () => void) => {
    const timer = setTimeout(wake, ms / 20);
    return () => clearTimeout(timer);
  },
};
const databaseUrl = process.env['DATABASE_URL'];
const store =
  databaseUrl === undefined
    ? await openSqliteStore({ dataFolder })
    : await openPostgresStore({ settings: parseDatabaseUrl(databaseUrl) });
const provider = await openKeyring({ path: join(dataFolder, 'keyring.json'), clock });
const secrets = await openSecrets(store, provider);
const audit = openAudit({ store, secrets, clock, report: (cause) => console.error(cause) });
console.log('open');

const change = async (number: number) => {
  await store.write([
    step(
      store.db
        .insertInto('decisions')
        .values({ id: randomUUIDv7(), organization, at: number, trace: String(number) }),
    ),
    audit.step({
      organization,
      principal: null,
      operation: 'thing.change',
      permission: null,
      resource: `things/${number}`,
      result: 'allowed',
      decision: null,
      details: { number },
      request: {},
    }),
  ]);
  console.log(number);
};
for (let number = Number(from); ; number += 4) {
  await Promise.all([0, 1, 2, 3].map((index) => change(number + index)));
}
