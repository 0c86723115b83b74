import fastify from 'fastify';
import { expect, test } from 'vitest';
import { refuseWhenOverloaded } from '../../../control-plane/http/overload.ts';
import { answerProblem } from '../../../control-plane/http/problem.ts';
import { eventually } from '../../support/eventually.ts';

function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

test('one pause refuses nobody; a loop that lags for seconds does, until it has caught up', async () => {
  const app = fastify();
  app.setErrorHandler(answerProblem);
  await refuseWhenOverloaded(app);
  app.get('/', async () => ({ status: 'ok' }));
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const ask = async () => {
    const answer = await fetch(url);
    return { status: answer.status, code: ((await answer.json()) as { code?: string }).code };
  };
  try {
    block(2_500);
    expect((await ask()).status).toBe(200);
    // Each turn of the loop takes longer than it may, over and over.
    let turns = 0;
    const lag = setInterval(() => {
      block(1_300);
      turns += 1;
      if (turns === 9) clearInterval(lag);
    }, 1);
    await eventually(ask).toEqual({ status: 503, code: 'unavailable' });
    clearInterval(lag);
    await eventually(async () => (await ask()).status).toBe(200);
  } finally {
    await app.close();
  }
}, 60_000);
