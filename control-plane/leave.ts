// How a process goes: first it says that it is no longer ready, then it takes nothing new and hands on what it has.
import { setTimeout as delay } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { requestsFinishMsMax } from '../protocol/limits.ts';
import type { Channel } from './channel/contract.ts';
import { endStreams } from './http/open-streams.ts';
import type { Readiness } from './telemetry/readiness.ts';

export interface Leaving {
  readonly app: FastifyInstance;
  readonly channel: Pick<Channel, 'close'>;
  readonly readiness: Pick<Readiness, 'leave'>;
  /** How long balancers have to notice that it is not ready, before it stops to listen. */
  readonly drainMs: number;
}

/** Resolves when nobody is served any more, or what was asked took longer than `requestsFinishMsMax`. */
export async function leave({ app, channel, readiness, drainMs }: Leaving): Promise<void> {
  readiness.leave();
  if (drainMs > 0) await delay(drainMs);
  const finished = finishRequests(app, requestsFinishMsMax);
  endStreams(app);
  // Agents connect anew at once; a balancer sends them to a process that is ready.
  await Promise.all([finished, channel.close()]);
}

const idleLookMs = 50;

/** Stops listening; connections are closed as soon as their requests have been answered. */
async function finishRequests({ server }: FastifyInstance, msMax: number): Promise<void> {
  if (!server.listening) return;
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  const idle = setInterval(() => server.closeIdleConnections(), idleLookMs);
  const waiting = new AbortController();
  await Promise.race([closed, delay(msMax, undefined, { signal: waiting.signal }).catch(() => undefined)]);
  clearInterval(idle);
  waiting.abort();
}
