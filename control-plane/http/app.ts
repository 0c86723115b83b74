// The HTTP application: limits, security headers, authentication, problem documents, and the OpenAPI document that
// is generated from the same schemas. Routes come from the nouns; this file knows none of them.
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import underPressure from '@fastify/under-pressure';
import fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import {
  createJsonSchemaTransform,
  createSerializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import { isPermission } from '../../protocol/permissions.ts';
import { requestBodyBytesMax, requestHeadMsMax, requestMsMax } from '../../protocol/limits.ts';
import type { Authority } from '../authority/authority.ts';
import { readJsonBodies } from './json-body.ts';
import { answerProblem } from './problem.ts';
import { setCaller } from './route.ts';

export interface AppOptions {
  readonly authority: Authority;
  readonly log: FastifyBaseLogger;
  readonly requestsPerMinute: number;
  readonly version: string;
  /** Key and certificate where the listener is not on loopback; null serves plain HTTP. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  /** Called for each request that could not be authenticated; such denials are counted, not chained. */
  readonly unauthenticated: (code: string) => void;
}

/** Builds the application. Routes are registered on it before `listen`. */
export async function openApp(options: AppOptions): Promise<FastifyInstance> {
  const app = fastify({
    loggerInstance: options.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: requestBodyBytesMax,
    requestTimeout: requestMsMax,
    connectionTimeout: 0,
    genReqId: () => randomUUIDv7(),
    routerOptions: { maxParamLength: 200, ignoreTrailingSlash: false },
    forceCloseConnections: true,
    http: { headersTimeout: requestHeadMsMax },
    ...(options.tls === null ? {} : { https: { ...options.tls, minVersion: 'TLSv1.2' as const } }),
  }) as unknown as FastifyInstance;

  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(createSerializerCompiler() as never);
  readJsonBodies(app);
  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) =>
    answerProblem(
      new Failure('not_found', `No route answers ${request.method} ${request.url}.`),
      request,
      reply,
    ),
  );
  refuseRoutesWithoutPermission(app);

  await app.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } } });
  await app.register(underPressure, {
    maxEventLoopDelay: 1_000,
  });
  authenticateRequests(app, options);
  await limitRate(app, options.requestsPerMinute);
  await describeApi(app, options.version);
  return app;
}

function refuseRoutesWithoutPermission(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const permission = route.config?.permission;
    if (permission === 'public' || (permission !== undefined && isPermission(permission))) return;
    throw new Error(`the route ${String(route.method)} ${route.url} declares no permission of the catalogue`);
  });
}

function authenticateRequests(app: FastifyInstance, options: AppOptions): void {
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.permission === 'public' || request.is404) return;
    try {
      setCaller(request, options.authority.authenticate(request.headers.authorization));
    } catch (error) {
      if (error instanceof Failure) options.unauthenticated(error.code);
      throw error;
    }
  });
}

async function limitRate(app: FastifyInstance, requestsPerMinute: number): Promise<void> {
  await app.register(rateLimit, {
    max: requestsPerMinute,
    timeWindow: '1 minute',
    hook: 'preHandler',
    keyGenerator: (request) => request.headers.authorization ?? request.ip,
    errorResponseBuilder: (_request, context) =>
      new Failure(
        'too_many_requests',
        `Wait ${context.after}, then go on; the limit is ${context.max} a minute.`,
      ),
  });
}

async function describeApi(app: FastifyInstance, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Wayside', version, description: 'Push-button operations for private networks.' },
      components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
    },
    // Values of inputs are any JSON; their schema says so by saying nothing.
    transform: createJsonSchemaTransform({ zodToJsonConfig: { unrepresentable: 'any' } } as never),
  });
  app.get('/v1/openapi.json', { config: { permission: 'public' }, schema: { hide: true } as never }, () =>
    app.swagger(),
  );
}
