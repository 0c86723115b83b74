// `npm start`: a control plane and a demo agent that stay up until you press ^C, and what to try with them.
import { randomBytes } from 'node:crypto';
import { paint } from '../cli/print.ts';
import { openStage } from './demo/stage.ts';
import { steps } from './demo/steps.ts';
import type { Scene } from './demo/steps.ts';

const print = { color: process.stdout.isTTY };
const asked = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
});

const stage = await openStage();
try {
  const scene: Scene = {
    stage,
    broken: false,
    agent: null,
    say: (line) => console.log(paint(print, 'gray', line)),
  };
  for (const { act } of steps.slice(0, 2)) await act(scene);
  const token = `sesame-${randomBytes(9).toString('base64url')}`;
  await stage.wayside(
    ['variable', 'set', 'token', '--sensitive', '--action', 'greet', '--value-file', '-'],
    token,
  );
  console.log(`
${paint(print, 'bold', 'Wayside is up.')} In another terminal:

  export WAYSIDE_URL=${stage.server.url} WAYSIDE_TOKEN=${stage.server.token}
  npx wayside agent list
  npx wayside action list
  npx wayside run start greet --input name=Ada --follow
  npx wayside run start promote --input version=v1.2.3 --follow
  npx wayside run start pipeline --follow          ${paint(print, 'gray', '# fails at its second step, with exit code 3')}
  npx wayside run start soak                       ${paint(print, 'gray', '# then: npx wayside run cancel <id>')}
  npx wayside audit list

What the agent may do stands in examples/hcl/demo.hcl; everything else is in ${stage.folder} and goes with ^C.`);
  await asked;
} finally {
  await stage.close();
}
