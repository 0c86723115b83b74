// The OpenAPI document: valid by the rules of its version, complete, and true to what the routes answer.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { openApiPath } from '../../../control-plane/http/openapi.ts';
import { advertise } from '../../support/advertise.ts';
import { must } from '../../support/people.ts';
import { startTestServer } from '../../support/server.ts';
import type { TestServer } from '../../support/server.ts';

// What OpenAPI 3.1 asks of the objects that we write, each closed, so that a misplaced member is found.
const schemaObject = z.record(z.string(), z.unknown());
const media = z.record(z.string(), z.strictObject({ schema: schemaObject }));
const parameter = z.strictObject({
  in: z.enum(['path', 'query', 'header']),
  name: z.string().min(1),
  required: z.boolean().optional(),
  description: z.string().optional(),
  schema: schemaObject,
});
const operation = z.strictObject({
  operationId: z.string().regex(/^[a-z_.]+$/),
  summary: z.string().min(10),
  description: z.string(),
  tags: z.array(z.string()).length(1),
  security: z.tuple([z.strictObject({ bearer: z.array(z.string()).length(0) })]),
  parameters: z.array(parameter).optional(),
  requestBody: z.strictObject({ required: z.boolean(), content: media }).optional(),
  responses: z.record(
    z.string().regex(/^([1-5]\d\d|default)$/),
    z.strictObject({ description: z.string().min(3), content: media.optional() }),
  ),
});
const documentSchema = z.strictObject({
  openapi: z.string().regex(/^3\.1\.\d+$/),
  info: z.strictObject({ title: z.string(), version: z.string(), description: z.string() }),
  components: z.strictObject({
    securitySchemes: z.record(z.string(), z.unknown()),
    schemas: z.record(z.string(), schemaObject),
  }),
  paths: z.record(
    z.string().startsWith('/'),
    z.partialRecord(z.enum(['get', 'post', 'put', 'patch', 'delete']), operation),
  ),
});
type Document = z.infer<typeof documentSchema>;

let server: TestServer;
let document: Document;
beforeAll(async () => {
  server = await startTestServer();
  const answer = await server.api<unknown>('GET', '/v1/openapi.json', undefined, {
    authorization: undefined,
  });
  document = documentSchema.parse(answer.body);
});
afterAll(() => server.close());

function operations() {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );
}

test('names each operation once, and each parameter of a path', () => {
  const ids = operations().map(({ described }) => described.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { path, described } of operations()) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const described_ = (described.parameters ?? []).filter((each) => each.in === 'path');
    expect(described_.map(({ name }) => name).sort()).toEqual(inPath.sort());
    expect(described_.every(({ required }) => required === true)).toBe(true);
  }
});

test('has every route that was registered, with what it takes and what it answers', () => {
  const hidden = ['/v1/openapi.json', '/healthz', '/readyz', '/pki/crl/:file'];
  // Pages, and endpoints that RFCs describe: the metadata of RFC 8414 says where they are.
  const elsewhere = /^\/(sign-in|account|device|oauth2|\.well-known)(\/|$)/;
  const routes = server.routes.filter(
    ({ method, url }) => method !== 'HEAD' && !hidden.includes(url) && !elsewhere.test(url),
  );
  expect(routes.length).toBeGreaterThan(40);
  expect(operations().length).toBe(routes.length);
  for (const route of routes) {
    const described = document.paths[openApiPath(route.url)]?.[route.method.toLowerCase() as 'get'];
    expect(described, `${route.method} ${route.url}`).toBeDefined();
    expect(described?.description).toContain(route.permission);
    const { default: problem, ...good } = described?.responses ?? {};
    expect(problem?.content).toHaveProperty(['application/problem+json']);
    expect(Object.keys(good).length).toBeGreaterThan(0);
    for (const [status, { content }] of Object.entries(good)) {
      if (status === '204') expect(content).toBeUndefined();
      else expect(Object.keys(content ?? {}).length, `${route.method} ${route.url}`).toBeGreaterThan(0);
    }
    // That somebody is in a team is said by the path alone.
    const takesBody = ['PUT', 'PATCH'].includes(route.method) && !route.url.includes('/members/');
    if (takesBody) expect(described?.requestBody).toBeDefined();
    if (route.method === 'PATCH') {
      expect(described?.parameters).toContainEqual(
        expect.objectContaining({ name: 'If-Match', required: true }),
      );
    }
  }
});

test('every schema in it is a JSON Schema that can be read back', () => {
  let read = 0;
  for (const { described } of operations()) {
    const bodies = [described.requestBody, ...Object.values(described.responses)];
    for (const { content = {} } of bodies.filter((body) => body !== undefined)) {
      for (const { schema } of Object.values(content)) {
        if (schema['$ref'] !== undefined) {
          expect(schema['$ref']).toBe('#/components/schemas/Problem');
          continue;
        }
        expect(() => z.fromJSONSchema(schema as never)).not.toThrow();
        read += 1;
      }
    }
  }
  expect(read).toBeGreaterThan(60);
});

describe('what the routes answer is what the document says', () => {
  const seen = new Set<string>();

  async function call(method: string, path: string, body?: unknown, headers?: Record<string, string>) {
    const answer = await must(server.api(method, path, body, headers));
    const bare = path.split('?')[0] ?? '';
    const template = Object.keys(document.paths)
      .filter((each) => new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(bare))
      .sort((a, b) => a.split('{').length - b.split('{').length)[0];
    const described = document.paths[template ?? '']?.[method.toLowerCase() as 'get'];
    const response = described?.responses[String(answer.status)];
    expect(response, `${method} ${path} answered ${answer.status}`).toBeDefined();
    const schema = response?.content?.['application/json']?.schema;
    if (schema === undefined) {
      expect(answer.text).toBe('');
    } else {
      const checked = z.fromJSONSchema(schema as never).safeParse(answer.body);
      expect(checked.error?.issues ?? [], `${method} ${path}: ${answer.text}`).toEqual([]);
    }
    if (body !== undefined) {
      const taken = described?.requestBody?.content['application/json']?.schema;
      expect(z.fromJSONSchema(taken as never).safeParse(body).success, `${method} ${path}`).toBe(true);
    }
    seen.add(`${method} ${template}`);
    return answer.body;
  }

  test('all nouns, from creation to deletion', async () => {
    const p = '/v1/projects/shop';
    for (const path of ['/v1/organization', '/v1/whoami', '/v1/keyring', '/v1/audit', '/v1/audit/head']) {
      await call('GET', path);
    }
    await call('POST', '/v1/projects', { name: 'shop' });
    await call('PATCH', p, { description: 'sells' }, { 'if-match': '"1"' });
    await call('GET', p);
    const ada = await call('POST', '/v1/principals', { name: 'ada' });
    await call('GET', '/v1/principals?limit=1');
    await call('GET', '/v1/principals/ada');
    const bound = await call('POST', '/v1/bindings', {
      principal: 'ada',
      role: 'viewer',
      level: 'projects/shop',
    });
    await call('GET', '/v1/bindings?project=shop');
    const token = await call('POST', `/v1/principals/${ada.id}/tokens`, { name: 'ci', permissions: [] });
    await call('GET', '/v1/principals/ada/tokens');
    await call('DELETE', `/v1/tokens/${token.id}`);
    await call('DELETE', `/v1/bindings/${bound.id}`);
    await call('POST', '/v1/check', {
      permission: 'wayside.run.start',
      resource: 'projects/shop',
      principal: 'ada',
    });
    const group = await call('POST', `${p}/groups`, { name: 'prod' });
    await call('PATCH', `${p}/groups/prod`, { pinned: false }, { 'if-match': '"1"' });
    await call('POST', `${p}/groups/prod/tokens`, {});
    await call('POST', `${p}/groups/prod/accepted-definitions`, { operation: 'x', digest: 'y' });
    advertise(server.dataFolder, {
      group: group.id,
      agent: 'alpha',
      operations: [
        { operation: 'promote', inputs: { type: 'object', properties: { version: { type: 'string' } } } },
      ],
    });
    await call('GET', `${p}/groups`);
    await call('GET', `${p}/groups/prod`);
    await call('GET', `${p}/groups/prod/operations`);
    await call('GET', `${p}/agents`);
    await call('GET', `${p}/agents/alpha`);
    await call('POST', `${p}/agents/alpha/drain`);
    await call('POST', `${p}/actions/publish-all`, { group: 'prod' });
    await call('POST', `${p}/actions`, { name: 'other', group: 'prod', operation: 'never' });
    await call('GET', `${p}/actions`);
    await call('GET', `${p}/actions/promote`);
    await call('PATCH', `${p}/actions/other`, { priority: 3 }, { 'if-match': '"1"' });
    await call('PUT', `${p}/variables/region`, { value: { zone: ['a', 1, null, true] } });
    await call('PUT', `${p}/variables/token`, {
      value: 'long enough',
      sensitive: true,
      bind: [{ action: 'promote', input: 'version' }],
    });
    await call('GET', `${p}/variables`);
    await call('GET', `${p}/variables/token`);
    await call('DELETE', `${p}/variables/token`);
    const run = await call('POST', `${p}/actions/promote/runs`, { inputs: { version: 'v1' } });
    await call('GET', `${p}/runs?state=active`);
    await call('GET', `${p}/actions/promote/runs`);
    await call('GET', `/v1/runs/${run.id}`);
    await call('GET', `/v1/runs/${run.id}/events`);
    await call('POST', `/v1/runs/${run.id}/cancel`, { reason: 'enough' });
    await call('DELETE', `${p}/actions/other`);
    await call('POST', `${p}/agents/alpha/revoke`, {});
    await call('DELETE', '/v1/principals/ada');
    await call('POST', '/v1/audit/verify', {});
    await call('POST', '/v1/keyring/rotate');
    expect(seen.size).toBeGreaterThan(45);
  });
});
