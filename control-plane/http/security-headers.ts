// The headers that keep browsers from guessing types, framing, and telling others where they come from: those of
// helmet, worked out once.
import helmet from '@fastify/helmet';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';

type Headers = readonly (readonly [name: string, value: string])[];

/** Sets them on every answer, also where a handler takes it out of fastify's hands. */
export async function sendSecurityHeaders(app: FastifyInstance): Promise<void> {
  const headers = await headersOfHelmet();
  app.addHook('onRequest', (_request, reply, done) => {
    for (const [name, value] of headers) reply.raw.setHeader(name, value);
    done();
  });
}

/**
 * Helmet works all of them out anew for each answer, which takes longer than everything else that happens before a
 * handler; ours never change.
 */
async function headersOfHelmet(): Promise<Headers> {
  const asked = fastify();
  await asked.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } } });
  asked.get('/', (_request, reply) => reply.send(reply.raw.getHeaders()));
  const answer = await asked.inject('/');
  await asked.close();
  return Object.entries(answer.json<Record<string, string>>());
}
