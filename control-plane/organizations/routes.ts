// The routes of the organization: `/v1/organization`. There is one, and the token decides it.
import type { FastifyInstance } from 'fastify';
import { organizationSchema, organizationUpdateSchema } from '../../protocol/api/authority.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { etagOf, requireMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import { changeOrganization } from './rename.ts';
import { selectOrganizations } from './store.ts';

const tag = 'organization';

export function organizationRoutes(app: FastifyInstance, deps: RouteDeps & ChangeDeps): void {
  const read = async () => {
    const [row] = await deps.store.read(selectOrganizations(deps.store));
    if (row === undefined) throw new Error('the store has no organization');
    return row;
  };
  const answer = async () => {
    const row = await read();
    const body = { ...row, trust_domain: deps.store.trustDomain };
    return { status: 200, body, headers: { etag: etagOf(row.revision) } };
  };
  route(app, deps, {
    method: 'GET',
    url: '/v1/organization',
    permission: 'wayside.organization.read',
    summary: 'Show the organization that the token belongs to',
    tag,
    answers: { 200: organizationSchema },
    handler: answer,
  });
  route(app, deps, {
    method: 'PATCH',
    url: '/v1/organization',
    permission: 'wayside.organization.update',
    changesPolicy: true,
    summary: 'Give the organization another name',
    tag,
    hears: ['if-match'],
    body: organizationUpdateSchema,
    answers: { 200: organizationSchema },
    handler: async (context) => {
      const before = await read();
      requireMatch(context.request, before.revision);
      await changeOrganization(deps, context, { before, name: context.body.name });
      return answer();
    },
  });
}
