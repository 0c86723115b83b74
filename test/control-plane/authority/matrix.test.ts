// The matrix: every registered route is tried by everybody, with every kind of credential, and each answer is compared
// with what an oracle works out from the catalogue. A new route is in it by itself.
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RegisteredRoute } from '../../../control-plane/http/registered-routes.ts';
import { roleNames } from '../../../protocol/api/authority.ts';
import { isPermission } from '../../../protocol/permissions.ts';
import type { Permission } from '../../../protocol/permissions.ts';
import { routePermissions } from '../http/route-permissions.ts';
import { expectedOf, places, placeOf } from './matrix-oracle.ts';
import type { Expected, Somebody, Tried } from './matrix-oracle.ts';
import { openMatrix } from './matrix-people.ts';
import type { Matrix } from './matrix-people.ts';

let matrix: Matrix;
beforeAll(async () => {
  matrix = await openMatrix();
}, 60_000);
afterAll(() => matrix.close());

/** One request: a route, where it is decided, and what is sent to have it decided there. */
interface Request extends Tried {
  readonly path: (allowed: boolean) => string;
  readonly body: unknown;
  /** Not tried by who may do it: it would be done. */
  readonly onlyDenied?: boolean;
}

/** What the route asks for is taken from the list beside it, not from the route. */
function declared(): readonly {
  readonly method: string;
  readonly url: string;
  readonly permission: string;
}[] {
  return routePermissions.map((line) => {
    const [method = '', url = '', permission = ''] = line.split(' ');
    return { method, url, permission };
  });
}

function requestsOf(route: ReturnType<typeof declared>[number]): readonly Request[] {
  const { method, url } = route;
  const tried: Request = {
    method,
    url,
    permission: isPermission(route.permission) ? route.permission : 'public',
    place: placeOf(route),
    // What is wrong with the body is found only after it was decided.
    body: [],
    path: (allowed: boolean) => pathOf(url, allowed),
    ...(url.endsWith('/actions/:action/runs') && method === 'POST' ? { later: true } : {}),
  };
  if (method === 'DELETE' && /\/:(action|group)$/.test(url)) {
    const gone = (allowed: boolean) => pathOf(url, allowed).replace(/[^/]+$/, 'not-there');
    return [
      { ...tried, onlyDenied: true },
      { ...tried, place: places.nothingIn, path: gone },
    ];
  }
  return [tried, ...elsewhere(tried)];
}

/** The same route where its body, its query or its path says that it is about another place. */
function elsewhere(tried: Request): readonly Request[] {
  const { project, folder, oneself } = places;
  const at = (query: string) => (allowed: boolean) => `${tried.path(allowed)}?${query}`;
  switch (`${tried.method} ${tried.url}`) {
    case 'POST /v1/bindings':
      return [
        { ...tried, place: project, body: { level: 'projects/shop' } },
        { ...tried, place: folder, body: { level: 'folders/dept' } },
      ];
    case 'GET /v1/bindings':
      return [
        { ...tried, place: project, path: at('project=shop') },
        { ...tried, place: folder, path: at('on=folders/dept') },
        {
          ...tried,
          place: { ...places.action, levels: inAction },
          path: at('on=projects/shop/actions/promote'),
        },
      ];
    case 'POST /v1/projects':
      return [{ ...tried, place: folder, body: { folder: 'dept' } }];
    case 'POST /v1/folders':
      return [{ ...tried, place: folder, body: { parent: 'dept' } }];
    case 'GET /v1/decisions/:id':
      return [{ ...tried, place: project, path: () => `/v1/decisions/${idOf('decisions')}` }];
    case 'GET /v1/principals/:principal/tokens':
    case 'POST /v1/principals/:principal/tokens':
    case 'GET /v1/principals/:principal/sessions':
    case 'GET /v1/principals/:principal/sign-in':
    case 'POST /v1/principals/:principal/sign-in-links':
      return [{ ...tried, place: oneself, path: () => tried.url.replace(':principal', 'self') }];
    default:
      return [];
  }
}

/** A level is asked for by itself, without what it belongs to. */
const inAction = places.action.levels.filter((level) => level !== 'groups/prod');

function idOf(name: string): string {
  return matrix.ids.get(name) ?? 'x';
}

const nowhere = '00000000-0000-7000-8000-000000000000';

/**
 * The path with its parameters filled in. Who may do it gets things that are not there, so that nothing is changed by
 * trying; who may not gets the real ones, so that a denial is not an accident. What lies in the tree is real for all.
 */
function pathOf(url: string, allowed: boolean): string {
  const [, , noun = ''] = url.split('/');
  const isRead = !url.includes('/:id');
  return url.replace(/:(\w+)/g, (_whole, name: string) => {
    if (['project', 'folder', 'run', 'group', 'action'].includes(name) && isRead) return idOf(name);
    if (name === 'id') return allowed || noun === 'decisions' ? nowhere : idOf(noun);
    if (!allowed) return idOf(name);
    return name === 'version' ? '999' : 'not-there';
  });
}

interface Answer {
  readonly status: number;
  readonly challenge: string | null;
  readonly text: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A server that has no time says so to whoever asks, before it looks at anything; then it is asked again. */
async function ask(request: Request, somebody: Somebody, allowed: boolean): Promise<Answer> {
  for (let tries = 0; ; tries += 1) {
    const answer = await askOnce(request, somebody, allowed);
    if (answer.body['code'] !== 'unavailable' || tries >= 60) return answer;
    await delay(1_000);
  }
}

async function askOnce(request: Request, somebody: Somebody, allowed: boolean): Promise<Answer> {
  const hasBody = !['GET', 'DELETE'].includes(request.method);
  const answer = await fetch(matrix.server.url + request.path(allowed), {
    method: request.method,
    redirect: 'manual',
    headers: { ...somebody.headers, ...(hasBody ? { 'content-type': 'application/json' } : {}) },
    ...(hasBody ? { body: JSON.stringify(request.body) } : {}),
  });
  const isProblem = answer.headers.get('content-type')?.includes('problem+json') === true;
  // Some good answers never end.
  if (!isProblem) await answer.body?.cancel();
  const text = isProblem ? await answer.text() : '';
  return {
    status: answer.status,
    challenge: answer.headers.get('www-authenticate'),
    text,
    body: isProblem ? (JSON.parse(text) as Record<string, unknown>) : {},
  };
}

/** What is wrong with an answer, or null. */
function problemOf(request: Request, expected: Expected, answer: Answer): string | null {
  const { status, body, challenge } = answer;
  const told = { status, code: body['code'], reason: body['reason'], permission: body['permission'] };
  const isChallenged = (pattern: RegExp) => pattern.test(challenge ?? '');
  const hasDecision = /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(String(body['decision']));
  const same = (wanted: Partial<typeof told>) =>
    JSON.stringify(told) ===
    JSON.stringify({ status: 0, code: '', reason: undefined, permission: undefined, ...wanted });
  // A client that knows our address alone finds from every challenge how to get a token (RFC 9728).
  const metadata = `resource_metadata="${matrix.server.url}/.well-known/oauth-protected-resource"`;
  if (status === 401 && challenge?.includes(metadata) !== true) return `no metadata in ${String(challenge)}`;
  const isRight = ((): boolean => {
    switch (expected.answer) {
      case 'open':
        return status < 500;
      case 'allowed':
        return status < 500 && status !== 401 && !isDenial(answer);
      case 'not signed in':
        return same({ status: 401, code: 'not_signed_in' }) && isChallenged(/^Bearer(?!.*\berror=)/);
      case 'invalid token':
        return (
          same({ status: 401, code: 'invalid_token' }) && isChallenged(/^Bearer .*error="invalid_token"/)
        );
      case 'nothing there':
        return same({ status: 404, code: 'not_found' }) && isDenial(answer) && !hasDecision;
      case 'elevate': {
        const { reason } = expected;
        const { permission } = request as { readonly permission: Permission };
        return (
          same({ status: 401, code: 'elevation_needed', reason, permission }) &&
          hasDecision &&
          isChallenged(/^Bearer .*error="insufficient_user_authentication".*acr_values="[^"]+", max_age=\d+/)
        );
      }
      case 'denied': {
        const { reason } = expected;
        const { permission } = request as { readonly permission: Permission };
        const isInsufficient = isChallenged(new RegExp(`error="insufficient_scope".*scope="${permission}"`));
        return (
          same({ status: 403, code: 'forbidden', reason, permission }) &&
          hasDecision &&
          isInsufficient === (reason === 'token_scope')
        );
      }
    }
  })();
  if (isRight) return null;
  return `expected ${JSON.stringify(expected)}, got ${JSON.stringify({ ...told, challenge })} ${String(answer.body['detail'])}`;
}

/** Denied by the choke point; a thing that is not there says so in other words. */
function isDenial({ status, text }: Answer): boolean {
  return status === 403 || (status === 404 && text.includes('that you may see'));
}

/** Routes; each is tried by everybody at the same time. */
const atOnce = 2;

async function tryAll(requests: readonly Request[], everybody: readonly Somebody[]) {
  const wrong: string[] = [];
  const answers = new Map<string, number>();
  let made = 0;
  const one = async (request: Request, somebody: Somebody): Promise<void> => {
    const expected = expectedOf(request, somebody);
    const allowed = expected.answer === 'allowed';
    if (allowed && request.onlyDenied === true) return;
    const answer = await ask(request, somebody, allowed);
    made += 1;
    answers.set(expected.answer, (answers.get(expected.answer) ?? 0) + 1);
    const problem = problemOf(request, expected, answer);
    if (problem !== null) {
      wrong.push(`${request.method} ${request.path(allowed)} by ${somebody.who}: ${problem}`);
    }
  };
  for (let at = 0; at < requests.length; at += atOnce) {
    const some = requests.slice(at, at + atOnce);
    await Promise.all(some.flatMap((request) => everybody.map((somebody) => one(request, somebody))));
  }
  return { wrong, made, answers };
}

/** Keys are rotated last: what they signed before is tried before. */
function inOrder(requests: readonly Request[]): readonly Request[] {
  const rotates = ({ url }: Request) => url.endsWith('/rotate');
  return [...requests.filter((each) => !rotates(each)), ...requests.filter(rotates)];
}

describe('the matrix', () => {
  test('has every registered route and every role in it', () => {
    const key = ({ method, url }: Pick<RegisteredRoute, 'method' | 'url'>) => `${method} ${url}`;
    const registered = matrix.server.routes.filter(({ method }) => method !== 'HEAD').map(key);
    const tried = declared().flatMap(requestsOf).map(key);
    expect([...new Set(tried)].sort()).toEqual([...registered].sort());
    expect(registered.length).toBe(routePermissions.length);
    for (const role of [...roleNames, 'keeper']) {
      expect(matrix.everybody.filter(({ who }) => who.startsWith(`${role} of `)).length).toBeGreaterThan(1);
    }
  });

  test('is answered as the catalogue says, whoever asks and however', async () => {
    const requests = inOrder(declared().flatMap(requestsOf)).filter(
      ({ permission }) => permission !== 'public',
    );
    const { wrong, made, answers } = await tryAll(requests, matrix.everybody);
    expect(wrong.slice(0, 40)).toEqual([]);
    expect(made).toBeGreaterThan(5_000);
    // Every kind of answer was expected somewhere, so that none of them is said without being tried.
    for (const answer of [
      'allowed',
      'not signed in',
      'invalid token',
      'nothing there',
      'denied',
      'elevate',
    ]) {
      expect([answer, (answers.get(answer) ?? 0) > 50]).toEqual([answer, true]);
    }
  }, 120_000);

  test('leaves what is public as it is, whoever asks', async () => {
    const who = (name: string) => matrix.everybody.find((each) => each.who === name);
    const some = [who('nobody'), who('garbage'), who('owner of organization')].filter(
      (each) => each !== undefined,
    );
    expect(some.length).toBe(3);
    // There a bearer is the client's own secret.
    const pages = declared()
      .flatMap(requestsOf)
      .filter(({ permission, url }) => permission === 'public' && !url.startsWith('/oauth2/'));
    expect(pages.length).toBeGreaterThan(30);
    for (const page of pages) {
      const statuses: number[] = [];
      for (const each of some) statuses.push((await ask(page, each, true)).status);
      expect([page.url, new Set(statuses).size, (statuses[0] ?? 500) < 500]).toEqual([page.url, 1, true]);
    }
  });

  test('has a decision behind each denial that says what the answer said', async () => {
    const wanted = matrix.everybody.filter(({ presents }) => presents === 'good');
    const [request] = declared()
      .filter(({ method, url }) => method === 'POST' && url === '/v1/federations')
      .flatMap(requestsOf);
    if (request === undefined) throw new Error('there is no such route');
    let explained = 0;
    for (const somebody of wanted) {
      const expected = expectedOf(request, somebody);
      if (expected.answer !== 'denied' && expected.answer !== 'elevate') continue;
      const { body } = await ask(request, somebody, false);
      const { body: trace } = await matrix.server.api('GET', `/v1/decisions/${String(body['decision'])}`);
      expect([somebody.who, trace]).toMatchObject([
        somebody.who,
        { allowed: false, reason: expected.reason, permission: 'iam.federation.create' },
      ]);
      explained += 1;
    }
    expect(explained).toBeGreaterThan(20);
  });
});
