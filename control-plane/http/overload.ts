// Refuses requests while the process cannot keep up, so that it can catch up. One pause is no overload: a collection
// of garbage or a machine that was suspended is over by the time that it is noticed.
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { Failure } from '../../protocol/failures.ts';
import { eventLoopDelayMsMax, overloadSamplesMin } from '../../protocol/limits.ts';

const sampleMs = 1_000;

/** Answers `unavailable` where the event loop has lagged in so many samples in a row. */
export async function refuseWhenOverloaded(app: FastifyInstance): Promise<void> {
  let lagging = 0;
  await app.register(underPressure, {
    maxEventLoopDelay: eventLoopDelayMsMax,
    sampleInterval: sampleMs,
    pressureHandler: async (request) => {
      // Whoever takes a slow process for a dead one and starts it again makes it slower.
      if (request.routeOptions.url === '/healthz') return;
      if (lagging < overloadSamplesMin) return;
      throw new Failure('unavailable', 'The server is overloaded. Try again in a moment.');
    },
  });
  const timer = setInterval(() => {
    lagging = app.isUnderPressure() ? lagging + 1 : 0;
  }, sampleMs).unref();
  app.addHook('onClose', async () => clearInterval(timer));
}
