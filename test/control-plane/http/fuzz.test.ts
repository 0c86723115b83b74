// Random requests: whatever comes, the answer is a 2xx or a problem document below 500, and the server goes on.
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { problemSchema } from '../../../protocol/api/page.ts';
import { advertise } from '../../support/advertise.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { ApiAnswer, TestServer } from '../../support/server.ts';

let server: TestServer;
let run = '';
const long = process.env['WAYSIDE_LONG'] === '1';
const numRuns = long ? 10_000 : 700;
beforeAll(async () => {
  server = await startTestServer({ options: { 'requests-per-minute': '100000000' } });
  const { id } = (await must(server.api('POST', '/v1/projects/default/groups', { name: 'prod' }))).body;
  const inputs = { type: 'object', properties: { version: { type: 'string', pattern: '^v' } } };
  advertise(server.dataFolder, { group: id, agent: 'alpha', operations: [{ operation: 'promote', inputs }] });
  const action = { name: 'promote', group: 'prod', operation: 'promote' };
  await must(server.api('POST', '/v1/projects/default/actions', action));
  run = (await must(server.api('POST', '/v1/projects/default/actions/promote/runs', {}))).body.id;
});
afterAll(async () => {
  expect(server.log()).not.toContain('a request failed by a bug');
  await server.close();
});

const statuses = new Map<number, number>();

function expectGood({ status, headers, text, body }: ApiAnswer<unknown>): void {
  statuses.set(status, (statuses.get(status) ?? 0) + 1);
  if (status < 400) return;
  expect(status, text).toBeLessThan(500);
  expect(headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(problemSchema.parse(body).status).toBe(status);
}

/** Words that mean something to the API, so that what is random gets deep into it. */
const words = fc.constantFrom(
  ...['default', 'prod', 'promote', 'alpha', 'owner', 'self', 'viewer', 'organization', 'projects/default'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'wayside.run.start',
    'name',
    '*',
    '..',
    '%2e%2e',
    '\u0000',
    'null',
  ],
);
const segments = fc.oneof(
  words,
  fc.constantFrom(
    'v1',
    'projects',
    'groups',
    'actions',
    'runs',
    'variables',
    'principals',
    'tokens',
    'bindings',
  ),
  fc.uuid(),
  fc.string({ unit: 'binary', maxLength: 20 }),
);
const members = fc.constantFrom(
  ...[
    'name',
    'description',
    'kind',
    'permissions',
    'principal',
    'role',
    'level',
    'permission',
    'resource',
    'group',
  ],
  ...[
    'operation',
    'priority',
    'expires_in_ms',
    'value',
    'sensitive',
    'bind',
    'action',
    'inputs',
    'digest',
    'reason',
  ],
  ...[
    'production',
    'pinned',
    'groups',
    'networks',
    'fingerprint',
    'against',
    'passphrase',
    'key',
    '__proto__',
  ],
);
const leaves = fc.oneof(
  words,
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.boolean(),
  fc.constant(null),
  fc.double(),
  fc.integer(),
  fc.constantFrom(-1, 0, 1, 60_000, 1e308),
);
const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, leaves, tie('list'), tie('object')),
  list: fc.array(tie('value'), { maxLength: 4 }),
  object: fc.dictionary(fc.oneof(members, fc.string({ maxLength: 8 })), tie('value'), { maxKeys: 5 }),
}));
const bodies = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.dictionary(members, values, { maxKeys: 6 }).map((body) => JSON.stringify(body)),
  },
  { weight: 2, arbitrary: fc.json() },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 200 }) },
);
/** A body that a route takes, with nothing or one member of it wrong. */
const goodBodies: Readonly<Record<string, object>> = {
  'POST /v1/projects': { name: 'p', description: '' },
  'PATCH /v1/projects/:project': { description: 'x' },
  'POST /v1/principals': { name: 'n', kind: 'user' },
  'POST /v1/principals/:principal/tokens': {
    name: 't',
    permissions: ['iam.self.read'],
    expires_in_ms: 60_000,
  },
  'POST /v1/bindings': { principal: 'owner', role: 'viewer', level: 'projects/default' },
  'POST /v1/check': { permission: 'wayside.run.start', resource: 'projects/default', principal: 'owner' },
  'POST /v1/projects/:project/groups': { name: 'g', description: 'd', production: false, pinned: true },
  'PATCH /v1/projects/:project/groups/:group': { description: 'd', pinned: false },
  'POST /v1/projects/:project/groups/:group/tokens': {
    groups: ['prod'],
    networks: ['10.0.0.0/8'],
    expires_in_ms: 10_000,
  },
  'POST /v1/projects/:project/actions': { name: 'a', group: 'prod', operation: 'promote', priority: 1 },
  'PATCH /v1/projects/:project/actions/:action': { description: 'd', priority: 2 },
  'PUT /v1/projects/:project/variables/:variable': {
    value: 'long enough',
    sensitive: true,
    description: 'd',
  },
  'POST /v1/projects/:project/actions/:action/runs': { inputs: { version: 'v1' }, priority: 3, reason: 'r' },
};
const spoiling = fc.record({
  take: fc.nat(),
  member: members,
  value: values,
  spoil: fc.boolean(),
  suffix: fc.nat(),
});

function bodyFor(route: string, random: string, { take, member, value, spoil, suffix }: Spoiling): string {
  const good = goodBodies[route];
  if (good === undefined) return random;
  const named = 'name' in good ? { ...good, name: `n${suffix}` } : good;
  if (!spoil) return JSON.stringify(named);
  const names = [...Object.keys(named), member];
  return JSON.stringify({ ...named, [names[take % names.length] ?? '']: value });
}

interface Spoiling {
  readonly take: number;
  readonly member: string;
  readonly value: unknown;
  readonly spoil: boolean;
  readonly suffix: number;
}

const methods = fc.constantFrom('GET', 'POST', 'PUT', 'PATCH', 'DELETE');

/** One of the routes with its parameters filled in, half of the time by something that is there. */
const routePaths = fc.record({
  index: fc.nat(),
  fills: fc.array(segments, { minLength: 3, maxLength: 3 }),
  real: fc.boolean(),
});

/** A stream that ends with its client. */
function isEndless(url: string): boolean {
  return url === '/v1/audit/tail';
}

function pathOf({ index, fills, real }: { index: number; fills: string[]; real: boolean }) {
  const routes = server.routes.filter(
    // Pages and the token endpoints answer as browsers and RFC 6749 want it, and have fuzzing of their own.
    ({ method, url, permission }) =>
      method !== 'HEAD' &&
      url.startsWith('/v1/') &&
      !isEndless(url) &&
      permission !== 'operations.keyring.rotate',
  );
  const route = routes[index % routes.length]!;
  let nth = 0;
  const known = new Map(
    Object.entries({ project: 'default', group: 'prod', action: 'promote', agent: 'alpha', run }),
  );
  const path = route.url.replace(/:(\w+)/g, (_whole, name: string) => {
    const random = encodeURIComponent((fills[nth++ % fills.length] ?? '').toWellFormed());
    return (real ? known.get(name) : undefined) ?? (random === '' || /^\.+$/.test(random) ? '-' : random);
  });
  return { method: route.method, path, route: `${route.method} ${route.url}` };
}

test('random bodies and parameters on every route', async () => {
  await fc.assert(
    fc.asyncProperty(routePaths, bodies, spoiling, async (where, random, wrong) => {
      const { method, path, route } = pathOf(where);
      const body = bodyFor(route, random, wrong);
      // What would change who we are is left out; the rest may do what it can.
      if (method === 'DELETE' && /principals|bindings|tokens/.test(path)) return;
      const headers = { 'if-match': '*' };
      expectGood(await server.api(method, path, method === 'GET' ? undefined : body, headers));
    }),
    { numRuns, verbose: 1 },
  );
}, 300_000);

test('random paths, queries and headers', async () => {
  const queries = fc.dictionary(
    fc.oneof(
      fc.constantFrom('limit', 'cursor', 'after', 'state', 'action', 'project', 'principal'),
      fc.string(),
    ),
    fc.oneof(words, fc.string({ unit: 'binary' }), fc.nat().map(String)),
    { maxKeys: 3 },
  );
  const headerValues = fc.string({ unit: 'grapheme-ascii', maxLength: 30 });
  const headers = fc.record(
    {
      'if-match': headerValues,
      'idempotency-key': headerValues,
      'last-event-id': headerValues,
      accept: headerValues,
    },
    { requiredKeys: [] },
  );
  const paths = fc.array(segments, { maxLength: 7 });
  await fc.assert(
    fc.asyncProperty(methods, paths, queries, headers, async (method, path, query, given) => {
      const where = path.map((segment) => encodeURIComponent(segment.toWellFormed())).join('/');
      const search = new URLSearchParams(query).toString();
      if (method === 'DELETE' && /principals|bindings|tokens/.test(where)) return;
      expectGood(await server.api(method, `/v1/${where}?${search}`, undefined, given));
    }),
    { numRuns, verbose: 1 },
  );
}, 300_000);

test('what was made by all this can be listed and read', async () => {
  // Otherwise it did not get deep enough.
  for (const status of [200, 201, 400, 404]) expect(statuses.get(status) ?? 0).toBeGreaterThan(3);
  for (const { method, url } of server.routes) {
    if (method !== 'GET' || !url.startsWith('/v1/') || isEndless(url)) continue;
    const path = url
      .replace(':project', 'default')
      .replace(':group', 'prod')
      .replace(':action', 'promote')
      .replace(':run', run);
    if (path.includes(':')) continue;
    const answer = await server.api(method, `${path}${path.endsWith('s') ? '?limit=200' : ''}`);
    expect(answer.status, `${path}: ${answer.text.slice(0, 300)}`).toBeLessThan(500);
  }
});
