// `npm run demo`: the main job on real processes, each step shown and then checked. Ends by itself, with exit code 0
// only if everything was observed, and leaves nothing behind. `-- --break N` sabotages step N, to show that the
// checks can fail.
import { parseArgs } from 'node:util';
import { paint } from '../cli/print.ts';
import { openStage } from './demo/stage.ts';
import { steps } from './demo/steps.ts';
import type { Scene } from './demo/steps.ts';

const { values } = parseArgs({ options: { break: { type: 'string' } } });
const broken = values.break === undefined ? null : Number(values.break);
if (broken !== null && !(Number.isInteger(broken) && broken >= 1 && broken <= steps.length)) {
  console.error(`--break takes a step from 1 to ${steps.length}.`);
  process.exit(64);
}

const print = { color: process.stdout.isTTY || (process.env['FORCE_COLOR'] ?? '0') !== '0' };
const deadline = setTimeout(() => {
  console.error('The demo takes longer than two minutes; something hangs.');
  process.exit(1);
}, 120_000);
deadline.unref();

const begun = performance.now();
const stage = await openStage(broken === 4 ? { serviceKey: 'another key' } : {});
const end = async (code: number): Promise<never> => {
  await stage.close();
  process.exit(code);
};
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end(130));

let agent: Scene['agent'] = null;
try {
  for (const [index, { title, act }] of steps.entries()) {
    const number = index + 1;
    // A sabotaged step needs the first two, which set the stage, and none of the others.
    if (broken !== null && number > 2 && number !== broken) continue;
    console.log(paint(print, 'bold', `${number}. ${title}`));
    const scene: Scene = {
      stage,
      broken: broken === number,
      agent,
      say: (line) => console.log(`   ${paint(print, 'gray', line)}`),
    };
    await act(scene);
    agent = scene.agent;
    console.log(`   ${paint(print, 'green', '✓ observed')}`);
  }
} catch (error) {
  console.log(`   ${paint(print, 'red', `✗ ${(error as Error).message}`)}`);
  await end(1);
}
console.log(`All ${steps.length} steps observed in ${((performance.now() - begun) / 1_000).toFixed(1)} s.`);
await end(0);
