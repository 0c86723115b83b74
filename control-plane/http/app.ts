// The HTTP application: limits, security headers, authentication, problem documents, and the OpenAPI document that
// is generated from the same schemas. Routes come from the nouns; this file knows none of them.
import fastify, { LogController } from 'fastify';
import type { FastifyBaseLogger, FastifyInstance } from 'fastify';
import { createSerializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { randomUUIDv7 } from 'node:crypto';
import { Failure } from '../../protocol/failures.ts';
import {
  pathParameterCharactersMax,
  requestBodyBytesMax,
  requestHeadMsMax,
  requestMsMax,
} from '../../protocol/limits.ts';
import type { Authority } from '../authority/authority.ts';
import { presentedBy, setCaller } from './callers.ts';
import { readJsonBodies } from './json-body.ts';
import { describeApi } from './openapi.ts';
import { refuseWhenOverloaded } from './overload.ts';
import { answerBrokenRequest, answerProblem, pointToMetadata } from './problem.ts';
import { limitRate, limitStrangers } from './rate.ts';
import { recordRoutes } from './registered-routes.ts';
import type { RegisteredRoute, RegisteredRoutes } from './registered-routes.ts';
import { sendSecurityHeaders } from './security-headers.ts';

export interface AppOptions {
  readonly authority: Authority;
  readonly log: FastifyBaseLogger;
  readonly requestsPerMinute: number;
  readonly version: string;
  /** Key and certificate where the listener is not on loopback; null serves plain HTTP. */
  readonly tls: { readonly key: string; readonly cert: string } | null;
  /** Called for each request that could not be authenticated; such denials are counted, not chained. */
  readonly unauthenticated: (code: string) => void;
  /** Called with the application before its first route, to count what it answers. */
  readonly watch?: (app: FastifyInstance) => void;
  /** Where it is said how tokens for us are had (RFC 9728); asked when we listen. Left out where nothing says it. */
  readonly resourceMetadata?: () => string;
  /** Told of each route that is registered. */
  readonly onRoute?: (route: RegisteredRoute) => void;
}

/** Builds the application. Routes are registered on it before `listen`. */
export async function openApp(options: AppOptions): Promise<FastifyInstance> {
  const app = openFastify(options);
  app.setValidatorCompiler(validatorCompiler as never);
  app.setSerializerCompiler(createSerializerCompiler() as never);
  readJsonBodies(app);
  app.setErrorHandler(answerProblem);
  pointToMetadata(app, options.resourceMetadata ?? (() => null));
  const routes = recordRoutes(app, options.onRoute);
  options.watch?.(app);
  await sendSecurityHeaders(app);
  await refuseWhenOverloaded(app);
  // Answers carry tokens and the names of things; no cache on the way keeps them.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  await limitRate(app, options.requestsPerMinute);
  authenticateRequests(app, options);
  answerUnknownRoutes(app, routes);
  await describeApi(app, { version: options.version, routes: routes.list });
  return app;
}

function openFastify({ log, tls }: AppOptions): FastifyInstance {
  const limits = { headersTimeout: requestHeadMsMax };
  return fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: requestBodyBytesMax,
    requestTimeout: requestMsMax,
    connectionTimeout: 0,
    genReqId: () => randomUUIDv7(),
    routerOptions: { maxParamLength: pathParameterCharactersMax, ignoreTrailingSlash: false },
    forceCloseConnections: true,
    frameworkErrors: answerProblem as never,
    clientErrorHandler: answerBrokenRequest,
    ...(tls === null ? { http: limits } : { https: { ...tls, ...limits, minVersion: 'TLSv1.2' as const } }),
  } as never) as unknown as FastifyInstance;
}

function authenticateRequests(app: FastifyInstance, options: AppOptions): void {
  const strangers = limitStrangers(app, options.requestsPerMinute);
  app.addHook('onRequest', async (request) => {
    if (request.routeOptions.config.permission === 'public' || request.is404) return;
    try {
      setCaller(request, await options.authority.authenticate(presentedBy(request)));
    } catch (error) {
      // Where nobody can be asked who it is, that says nothing about who asks.
      if (error instanceof Failure && error.status === 503) throw error;
      if (error instanceof Failure) options.unauthenticated(error.code);
      await strangers(request);
      throw error;
    }
  });
}

function answerUnknownRoutes(app: FastifyInstance, routes: RegisteredRoutes): void {
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const methods = routes.methodsOf(path);
    if (methods.length === 0) {
      const nothing = new Failure('not_found', `No route answers ${request.method} ${path}.`);
      return answerProblem(nothing, request, reply);
    }
    const allow = methods.join(', ');
    const failure = new Failure('method_not_allowed', `${path} answers ${allow}, not ${request.method}.`);
    return answerProblem(failure, request, reply.header('allow', allow));
  });
}
