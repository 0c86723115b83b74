// Stands in for an agent in tests of the keeper: starts what an operation would start, says the pids, and waits to
// be killed. The first argument is the script, the second `keep` or `alone`.
import { systemClock } from '../../../agent/clock.ts';
import { createKeeper } from '../../../agent/keeper.ts';
import { startProcess } from '../../../agent/spawn.ts';
import { noKeeper, path } from '../children.ts';

const [, , script = '', mode] = process.argv;
const keeper = mode === 'keep' ? createKeeper({ env: { PATH: path } }) : noKeeper;
const runId = `run-of-the-keeper-test-${mode}`;
const child = await startProcess(
  { file: 'sh', args: ['-c', script], dir: '/', env: { PATH: path, WAYSIDE_RUN_ID: runId }, runId },
  { clock: systemClock(), keeper, fence: null },
);
await child.read((_stream, chunk) => {
  process.stdout.write(chunk);
  return Promise.resolve();
});
