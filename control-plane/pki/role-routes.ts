// The routes of roles, and of the certificates that people ask for by them.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  certificateRequestSchema,
  certificateRevokeSchema,
  issuedCertificateSchema,
  roleChangeSchema,
  roleListSchema,
  roleSchema,
} from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { newNameSchema } from '../../protocol/ids.ts';
import { commitChange } from '../authority/change.ts';
import { etagOf, heedMatch, requireMatch } from '../http/etag.ts';
import { route } from '../http/route.ts';
import { changeRole, newRole } from './change-role.ts';
import { issueLeaf } from './issue-leaf.ts';
import { insertLeaf, revokeLeaf, selectLeaf } from './leaf-store.ts';
import { readRequest } from './read-request.ts';
import { holdRole, insertRole, updateRole } from './role-store.ts';
import { checkRequest } from './roles.ts';
import type { Role } from './roles.ts';
import type { PkiRouteDeps } from './contract.ts';
import { viewRole } from './view.ts';

const tag = 'pki';
const params = z.object({ role: newNameSchema });

export function roleRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  readingRoutes(app, deps);
  route(app, deps, {
    method: 'PUT',
    url: '/v1/pki/roles/:role',
    permission: 'pki.role.update',
    summary: 'Change a role, or make one; the parts that are left out stay as they are',
    tag,
    params,
    body: roleChangeSchema,
    hears: ['if-match?'],
    answers: { 200: roleSchema },
    handler: async (context) => {
      await deps.pki.refreshIfChanged();
      const before = deps.pki.role(context.params.role);
      if (before === null) heedMatch(context.request, null);
      else requireMatch(context.request, before.revision);
      const base = before ?? newRole(context.params.role);
      const changed = changeRole(base, context.body, deps.pki.authorities());
      const role = before === null ? changed : { ...changed, revision: before.revision + 1 };
      await commitChange(deps, context, {
        operation: 'pki.role.update',
        resource: `pki/roles/${role.name}`,
        details: { before: before === null ? null : viewRole(before), after: viewRole(role) },
        // Where it changed meanwhile the request is decided again, and its If-Match fails.
        steps: [
          before === null ? insertRole(deps.store, role) : updateRole(deps.store, role, before.revision),
        ],
      });
      await deps.pki.refresh();
      return { status: 200, body: viewRole(role), headers: { etag: etagOf(role.revision) } };
    },
  });
  issueRoute(app, deps);
  revokeRoute(app, deps);
}

function readingRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/roles',
    permission: 'pki.role.read',
    summary: 'List the roles by which certificates are issued',
    tag,
    answers: { 200: roleListSchema },
    handler: async () => {
      await deps.pki.refreshIfChanged();
      return { status: 200, body: { items: deps.pki.roles().map(viewRole), next_cursor: null } };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/roles/:role',
    permission: 'pki.role.read',
    summary: 'Show a role',
    tag,
    params,
    answers: { 200: roleSchema },
    handler: async (context) => {
      await deps.pki.refreshIfChanged();
      const role = findRole(deps, context.params.role);
      return { status: 200, body: viewRole(role), headers: { etag: etagOf(role.revision) } };
    },
  });
}

function issueRoute(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/roles/:role/certificates',
    permission: 'pki.certificate.issue',
    summary: 'Issue a certificate for a request; one that asks for more than the role allows is refused',
    tag,
    params,
    body: certificateRequestSchema,
    answers: { 201: issuedCertificateSchema },
    handler: async (context) => {
      const { csr, ttl_ms } = context.body;
      await deps.pki.refreshIfChanged();
      const role = findRole(deps, context.params.role);
      const { publicKey, asked } = await readRequest(csr);
      const now = deps.clock.now();
      const request = { ...asked, ttlMs: ttl_ms ?? null };
      const { commonName } = asked;
      const subject = commonName === null ? [] : [{ CN: [commonName] }];
      checkRequest(role, request, deps.store.trustDomain);
      // After that: what is too much for a role is said as that, for the built-in ones as well.
      if (role.issuedBy !== 'request') throw notForRequests(role);
      const leaf = await issueLeaf(deps.pki.authorities(), role, { subject, request, publicKey, now });
      const names = asked.names.map(({ type, value }) => `${type}:${value}`);
      await commitChange(deps, context, {
        operation: 'pki.certificate.issue',
        resource: `pki/roles/${role.name}`,
        details: { serial: leaf.serial, names, not_after: leaf.notAfter, fingerprint: leaf.fingerprint },
        steps: [
          holdRole(deps.store, role),
          ...insertLeaf(deps.store, {
            serial: leaf.serial,
            authority: leaf.authority,
            role: role.name,
            subject: names.join(' '),
            generation: 0,
            issued_to: context.request.ip,
            not_after: leaf.notAfter,
          }),
        ],
      });
      return { status: 201, body: { serial: leaf.serial, chain: leaf.chain, not_after: leaf.notAfter } };
    },
  });
}

function revokeRoute(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/certificates/:serial/revoke',
    permission: 'pki.certificate.revoke',
    summary: 'Put a certificate on the revocation list; agents are revoked as agents',
    tag,
    params: z.object({ serial: z.string().regex(/^[0-9A-F]{1,40}$/) }),
    body: certificateRevokeSchema,
    answers: { 204: null },
    handler: async (context) => {
      const { serial } = context.params;
      const [leaf] = await deps.store.read(selectLeaf(deps.store, serial));
      if (leaf === undefined) {
        throw new Failure('not_found', 'No certificate with this serial was issued, or it has ended.');
      }
      if (leaf.role === 'agent') {
        throw new Failure('conflict', `It is that of an agent: \`wayside agent revoke ${leaf.subject}\`.`);
      }
      if (leaf.revoked_at === null) {
        await commitChange(deps, context, {
          operation: 'pki.certificate.revoke',
          resource: `pki/roles/${leaf.role}`,
          details: { serial, subject: leaf.subject, reason: context.body.reason ?? null },
          steps: [revokeLeaf(deps.store, serial, context.body.reason ?? 'unspecified')],
        });
      }
      return { status: 204 };
    },
  });
}

/** Throws `not_found`. */
function findRole(deps: PkiRouteDeps, name: string): Role {
  const role = deps.pki.role(name);
  if (role !== null) return role;
  throw new Failure('not_found', `There is no role ${name}; \`wayside pki role list\` shows them.`);
}

function notForRequests(role: Role): Failure {
  const who = role.issuedBy === 'enrollment' ? 'agents that enrol' : 'the listeners of the control plane';
  return new Failure(
    'role_violation',
    `Certificates of the role ${role.name} are for ${who}; make a role of your own.`,
    { details: { role: role.name, part: 'request' } },
  );
}
