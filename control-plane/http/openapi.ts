// The OpenAPI 3.1 document, from the same schemas that check requests and answers. What those cannot say is added
// here: problem documents, headers that mean something, and answers that are streams.
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { problemSchema } from '../../protocol/api/page.ts';
import { idempotencyKeyCharactersMax } from '../../protocol/limits.ts';
import type { RegisteredRoute, RequestHeader } from './registered-routes.ts';

const requestHeaders = {
  'if-match': {
    name: 'If-Match',
    description: 'The ETag that was read, or `*`; 412 where it has changed since, 428 where it is missing.',
    required: true,
    schema: { type: 'string' },
  },
  'if-match?': {
    name: 'If-Match',
    description: 'The ETag that was read; 412 where it has changed since.',
    required: false,
    schema: { type: 'string' },
  },
  'idempotency-key': {
    name: 'Idempotency-Key',
    description:
      'Sent again within 24 hours with the same body it gives what the first request made, with ' +
      '`Idempotent-Replayed: true`; with another body 422.',
    required: false,
    schema: { type: 'string', minLength: 1, maxLength: idempotencyKeyCharactersMax },
  },
  'last-event-id': {
    name: 'Last-Event-ID',
    description: 'The id of the last event that was received; the stream goes on behind it.',
    required: false,
    schema: { type: 'string', pattern: '^[0-9]{1,15}$' },
  },
} as const;

/** The part of the document that is touched here. */
interface Operation {
  operationId?: string;
  parameters?: object[];
  responses: Record<string, { description: string; content?: Record<string, object> }>;
}

type Paths = Record<string, Record<string, Operation>>;

/** Registers `GET /v1/openapi.json`; `routes` is asked when the document is, so that it knows all of them. */
export async function describeApi(
  app: FastifyInstance,
  options: { readonly version: string; readonly routes: () => readonly RegisteredRoute[] },
): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Wayside',
        version: options.version,
        description: 'Push-button operations for private networks.',
      },
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
        schemas: { Problem: z.toJSONSchema(problemSchema, { io: 'output' }) as never },
      },
    },
    // Values of inputs are any JSON; their schema says so by saying nothing.
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } } as never),
    transformObject: (document) => {
      if (!('openapiObject' in document)) throw new Error('the document is not an OpenAPI 3 document');
      const { openapiObject } = document;
      complete((openapiObject.paths ?? {}) as unknown as Paths, options.routes());
      return openapiObject;
    },
  });
  app.get('/v1/openapi.json', { config: { permission: 'public' }, schema: { hide: true } as never }, () =>
    app.swagger(),
  );
}

function complete(paths: Paths, routes: readonly RegisteredRoute[]): void {
  for (const route of routes) {
    const operation = paths[openApiPath(route.url)]?.[route.method.toLowerCase()];
    if (operation === undefined) continue;
    operation.operationId = operationId(route);
    addHeaders(operation, route.hears);
    for (const [status, type] of Object.entries(route.streams)) addStream(operation, status, type);
    for (const [status, response] of Object.entries(operation.responses)) {
      if (response.description === 'Default Response') response.description = describeStatus(Number(status));
    }
    operation.responses['default'] = {
      description: 'What went wrong, as a problem document (RFC 9457); `code` is stable.',
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    };
  }
}

/** `/v1/projects/:project` is `/v1/projects/{project}` there. */
export function openApiPath(url: string): string {
  return url.replace(/:([A-Za-z_]+)/g, '{$1}');
}

/** `get_projects_project_actions`: the path's words, so that it stays the same as long as the path does. */
function operationId({ method, url }: Pick<RegisteredRoute, 'method' | 'url'>): string {
  const ours = url.replace(/^\/access\/v1\//, '/v1/access/');
  const words = ours.split('/').slice(2).join('_').replaceAll(':', '').replaceAll('-', '_');
  return `${method.toLowerCase()}_${words}`;
}

function addHeaders(operation: Operation, hears: readonly RequestHeader[]): void {
  if (hears.length === 0) return;
  const parameters = hears.map((header) => ({ in: 'header', ...requestHeaders[header] }));
  operation.parameters = [...(operation.parameters ?? []), ...parameters];
}

function addStream(operation: Operation, status: string, type: string): void {
  const response = operation.responses[status];
  if (response === undefined) throw new Error(`no answer ${status} to describe the stream of`);
  response.content = { ...response.content, [type]: { schema: { type: 'string' } } };
}

function describeStatus(status: number): string {
  switch (status) {
    case 201:
      return 'Created.';
    case 204:
      return 'Done; there is nothing to say.';
    default:
      return 'The answer.';
  }
}
