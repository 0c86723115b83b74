// The scope of the pages: forms are read, writes come from our own pages, and failures are pages, too.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { formBytesMax } from '../../protocol/limits-authority.ts';
import { answerProblem } from '../http/problem.ts';
import type { SignInDeps } from './deps.ts';
import { comesFromUs } from './origins.ts';
import { sendPage } from './page.ts';
import { refusedPage } from './sign-in-pages.ts';

/** For a scope of its own: what is registered here does not touch the API. */
export function speakForms(scope: FastifyInstance, deps: Pick<SignInDeps, 'origins'>): void {
  scope.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: formBytesMax },
    async (_request: unknown, body: string | Buffer) => fieldsOf(new URLSearchParams(String(body))),
  );
  scope.addHook('preValidation', async (request) => {
    const { origin, 'sec-fetch-site': site } = request.headers;
    const fetchSite = typeof site === 'string' ? site : undefined;
    if (comesFromUs(deps.origins(), { method: request.method, origin, fetchSite })) return;
    throw new Failure(
      'forbidden',
      'This form does not come from a page of ours. If it does, start the server with --public-url and the origin ' +
        'that the browser shows.',
    );
  });
  scope.setErrorHandler((error, request, reply) =>
    isJson(request) ? answerProblem(error, request, reply) : answerPage(error, request, reply),
  );
}

/** A field that is there twice comes from nobody's form. */
function fieldsOf(parameters: URLSearchParams): Readonly<Record<string, string>> {
  const fields = Object.create(null) as Record<string, string>;
  for (const [name, value] of parameters) {
    if (name in fields)
      throw new Failure('invalid_request', `The field ${name.slice(0, 40)} is there twice.`);
    fields[name] = value;
  }
  return fields;
}

function isJson(request: FastifyRequest): boolean {
  return (request.headers['content-type'] ?? '').startsWith('application/json');
}

function answerPage(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (error instanceof Failure && error.code !== 'internal') {
    return sendPage(waitFor(reply, error), refusedPage(error.title, error.message), error.status);
  }
  return answerProblem(error, request, reply);
}

/** `Retry-After` where the failure says when. */
export function waitFor(reply: FastifyReply, { details }: Failure): FastifyReply {
  const ms = details['retry_after_ms'];
  return typeof ms === 'number' ? reply.header('retry-after', String(Math.ceil(ms / 1_000))) : reply;
}

/** Throws `invalid_request` for fields that no page of ours sends. */
export function parseFields<Schema extends z.ZodType>(schema: Schema, fields: unknown): z.output<Schema> {
  const parsed = schema.safeParse(fields ?? {});
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Failure(
    'invalid_request',
    `${issue?.path.join('.') ?? 'form'}: ${issue?.message ?? 'is not valid'}.`,
  );
}

const short = z.string().max(200);

/** What all steps of a sign-in carry along. */
export const goalFieldsSchema = z.object({
  return_to: z.string().max(4_000).optional(),
  acr_values: short.optional(),
  max_age: z
    .string()
    .regex(/^\d{1,9}$/)
    .optional(),
  reason: z.string().max(1_000).optional(),
  again: z.literal('1').optional(),
});
export type GoalFields = z.output<typeof goalFieldsSchema>;
