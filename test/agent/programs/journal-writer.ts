// Writes pairs of `accepted` and `begun` for as long as it lives, and tells on standard output what is durable.
// WAYSIDE_TEST_FAULT names the point at which it is killed.
import { randomUUIDv7 } from 'node:crypto';
import { writeSync } from 'node:fs';
import { systemClock } from '../../../agent/clock.ts';
import { faultPointOf, noFaults } from '../../../agent/fault.ts';
import { Journal } from '../../../agent/journal.ts';

const [folder = '', parallel = '1'] = process.argv.slice(2);
const spec = process.env['WAYSIDE_TEST_FAULT'];
const faultPoint =
  spec === undefined ? noFaults : faultPointOf(spec, () => process.kill(process.pid, 'SIGKILL'));
const journal = await Journal.open({
  folder,
  clock: systemClock(),
  faultPoint,
  compactBytesMin: 20_000,
  fatal: (failure) => {
    throw failure;
  },
});
writeSync(1, `opened ${journal.counter}\n`);

async function writeForEver(): Promise<void> {
  for (;;) {
    const run = randomUUIDv7();
    const at = Date.now();
    const digest = `sha256:${'0'.repeat(64)}`;
    try {
      await journal.append({
        type: 'accepted',
        run,
        attempt: 1,
        at,
        action: 'g/a',
        digest,
        idempotent: false,
      });
      writeSync(1, `accepted ${run} ${journal.counter}\n`);
      await journal.append({ type: 'begun', run, attempt: 1, at });
      writeSync(1, `begun ${run} ${journal.counter}\n`);
    } catch (failure) {
      writeSync(1, `failed ${(failure as { code?: string }).code ?? ''}\n`);
      process.exit(3);
    }
  }
}
await Promise.all(Array.from({ length: Number(parallel) }, writeForEver));
