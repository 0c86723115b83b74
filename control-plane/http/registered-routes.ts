// Every route that was registered, with its permission: for the OpenAPI document, for the answer to a wrong method,
// and for the test that tries them all. Registering one without a permission throws.
import type { FastifyInstance } from 'fastify';
import { isPermission } from '../../protocol/permissions.ts';
import type { Permission } from '../../protocol/permissions.ts';

/** Headers of requests that some routes hear. */
export type RequestHeader = 'if-match' | 'if-match?' | 'idempotency-key' | 'last-event-id';

export interface RegisteredRoute {
  readonly method: string;
  /** With `:name` for each parameter. */
  readonly url: string;
  readonly permission: Permission | 'public';
  readonly hears: readonly RequestHeader[];
  readonly streams: Readonly<Record<number, string>>;
}

export interface RegisteredRoutes {
  list(): readonly RegisteredRoute[];
  /** The methods that a path answers, in alphabetical order; empty where nothing is there. */
  methodsOf(path: string): readonly string[];
}

/** Comes before the first route. `onRoute` is told of each one. */
export function recordRoutes(
  app: FastifyInstance,
  onRoute: (route: RegisteredRoute) => void = () => undefined,
): RegisteredRoutes {
  const routes: (RegisteredRoute & { readonly pattern: RegExp })[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    const permission = config?.permission;
    if (permission !== 'public' && (permission === undefined || !isPermission(permission))) {
      throw new Error(`the route ${String(method)} ${url} declares no permission of the catalogue`);
    }
    for (const each of [method].flat()) {
      const { hears = [], streams = {} } = config ?? {};
      const registered = { method: each, url, permission, hears, streams };
      routes.push({ ...registered, pattern: patternOf(url) });
      onRoute(registered);
    }
  });
  return {
    list: () => routes,
    methodsOf: (path) =>
      [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort(),
  };
}

function patternOf(url: string): RegExp {
  const source = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z_]+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
