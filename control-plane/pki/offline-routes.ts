// The routes for a root whose key is somewhere else: out of here, requests to it, and what it signed back in.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  authoritySchema,
  exportedRootSchema,
  importSchema,
  offlineSchema,
  rootExportSchema,
  rootKeyImportSchema,
  signingRequestSchema,
} from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { route } from '../http/route.ts';
import type { Step } from '../store/store.ts';
import { checkRoom, draftDeps, viewOf } from './authority-routes.ts';
import { withKey } from './authorities.ts';
import type { CertificationAuthority } from './authorities.ts';
import { findAuthority } from './find-authority.ts';
import { exportRoot, planOffline, planReturn } from './offline-root.ts';
import { planImport, planIntermediateRequest, writeListRequest, writeRequest } from './request-signature.ts';
import type { PkiRouteDeps } from './contract.ts';

const tag = 'pki';
const params = z.object({ authority: referenceSchema });

export function offlineRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  keyRoutes(app, deps);
  requestRoutes(app, deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities/:authority/import',
    permission: 'pki.authority.import',
    summary: 'Take what the offline root signed: a certificate, a cross certificate or a revocation list',
    tag,
    params,
    body: importSchema,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      await deps.pki.refreshIfChanged();
      const authority = await findAuthority(deps.store, context.params.authority);
      const steps = await planImport(requestDeps(deps), { authority, pem: context.body.pem });
      return change(deps, context, { operation: 'pki.authority.import', authority, steps });
    },
  });
}

function keyRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities/:authority/export',
    permission: 'pki.authority.export',
    summary: 'The key of a root, encrypted to a passphrase; it stays here until `offline`',
    tag,
    params,
    body: rootExportSchema,
    answers: { 200: exportedRootSchema },
    handler: async (context) => {
      const root = withKey(await findRoot(deps, context.params.authority));
      const { passphrase } = context.body;
      const exported = await exportRoot(root, { passphrase, trustDomain: deps.store.trustDomain });
      await commitChange(deps, context, {
        operation: 'pki.authority.export',
        resource: `pki/authorities/${root.id}`,
        details: { name: root.name },
        steps: [],
      });
      return { status: 200, body: exported };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities/:authority/offline',
    permission: 'pki.authority.export',
    summary: 'Remove the key of a root from here, for somebody who has proved to hold the exported one',
    tag,
    params,
    body: offlineSchema,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      const root = withKey(await findRoot(deps, context.params.authority));
      const steps = await planOffline(requestDeps(deps), { root, proof: context.body.proof });
      return change(deps, context, { operation: 'pki.authority.offline', authority: root, steps });
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities/:authority/key',
    permission: 'pki.authority.import',
    summary: 'Bring the exported key of a root back',
    tag,
    params,
    body: rootKeyImportSchema,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      const root = await findRoot(deps, context.params.authority);
      const steps = await planReturn(draftDeps(deps), { root, ...context.body });
      return change(deps, context, { operation: 'pki.authority.import_key', authority: root, steps });
    },
  });
}

function requestRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/requests',
    permission: 'pki.authority.create',
    summary: 'Make the key of an intermediate that waits for the signature of an offline root',
    tag,
    answers: { 201: signingRequestSchema },
    handler: async (context) => {
      await deps.pki.refreshIfChanged();
      checkRoom(deps);
      const { id, steps } = await planIntermediateRequest(requestDeps(deps));
      await commitChange(deps, context, {
        operation: 'pki.authority.request',
        resource: `pki/authorities/${id}`,
        details: { level: 'intermediate' },
        steps,
      });
      await deps.pki.refresh();
      const authority = await findAuthority(deps.store, id);
      return { status: 201, body: await writeRequest(requestDeps(deps), authority) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authorities/:authority/request',
    permission: 'pki.authority.read',
    summary: 'The request of an authority that waits for the signature of an offline root',
    tag,
    params,
    answers: { 200: signingRequestSchema },
    handler: async (context) => {
      const authority = await findAuthority(deps.store, context.params.authority);
      return { status: 200, body: await writeRequest(requestDeps(deps), authority) };
    },
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authorities/:authority/list-request',
    permission: 'pki.authority.read',
    summary: 'The request for the next revocation list of a root whose key is offline',
    tag,
    params,
    answers: { 200: signingRequestSchema },
    handler: async (context) => {
      const root = await findRoot(deps, context.params.authority);
      return { status: 200, body: await writeListRequest(requestDeps(deps), root) };
    },
  });
}

function requestDeps(deps: PkiRouteDeps) {
  return { ...draftDeps(deps), authorities: deps.pki.authorities() };
}

/** Throws `not_found`, and `conflict` for an authority that is no root or counts no more. */
async function findRoot(deps: PkiRouteDeps, reference: string): Promise<CertificationAuthority> {
  await deps.pki.refreshIfChanged();
  const { id, name } = await findAuthority(deps.store, reference);
  const root = deps.pki.authorities().all.find((authority) => authority.id === id);
  if (root?.level === 'root') return root;
  throw new Failure('conflict', `${name} is not a root that counts; only the key of a root goes offline.`);
}

async function change(
  deps: PkiRouteDeps,
  context: ChangeContext,
  of: {
    readonly operation: string;
    readonly authority: { readonly id: string; readonly name: string };
    readonly steps: readonly Step[];
  },
) {
  const { id, name } = of.authority;
  await commitChange(deps, context, {
    operation: of.operation,
    resource: `pki/authorities/${id}`,
    details: { name },
    steps: of.steps,
  });
  await deps.pki.refresh();
  return { status: 200, body: await viewOf(deps, id) };
}
