// The route of the organization: `/v1/organization`. There is one, and the token decides it.
import type { FastifyInstance } from 'fastify';
import { organizationSchema } from '../../protocol/api/authority.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { selectOrganizations } from './store.ts';

export function organizationRoutes(app: FastifyInstance, deps: RouteDeps & { readonly store: Store }): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/organization',
    permission: 'wayside.organization.read',
    summary: 'Show the organization that the token belongs to',
    tag: 'organization',
    answers: { 200: organizationSchema },
    handler: async () => {
      const [row] = await deps.store.read(selectOrganizations(deps.store));
      if (row === undefined) throw new Error('the store has no organization');
      return { status: 200, body: { ...row, trust_domain: deps.store.trustDomain } };
    },
  });
}
