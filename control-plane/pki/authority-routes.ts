// The routes by which authorities come, take over and end.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  authorityCreateSchema,
  authorityListSchema,
  authoritySchema,
  retireSchema,
  rotateSchema,
  rotationSchema,
} from '../../protocol/api/pki.ts';
import type { PkiAuthority } from '../../protocol/api/pki.ts';
import { Failure } from '../../protocol/failures.ts';
import { referenceSchema } from '../../protocol/ids.ts';
import { authoritiesMax } from '../../protocol/limits.ts';
import { commitChange } from '../authority/change.ts';
import { route } from '../http/route.ts';
import { withKey } from './authorities.ts';
import { leaveAgents } from './authority-store.ts';
import { draftAuthority, isNextUnder } from './draft-authority.ts';
import type { DraftedAuthority } from './draft-authority.ts';
import { findAuthority } from './find-authority.ts';
import { checkOverlap, planRotation } from './plan-rotation.ts';
import type { Level } from './profiles.ts';
import { planRetirement } from './retire-authority.ts';
import type { PkiRouteDeps } from './contract.ts';
import { viewAuthorities } from './view.ts';

const tag = 'pki';
const params = z.object({ authority: referenceSchema });

export function authorityRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  readingRoutes(app, deps);
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities',
    permission: 'pki.authority.create',
    summary:
      'Make an authority that waits to take over; agents learn of a new root before it issues anything',
    tag,
    body: authorityCreateSchema,
    answers: { 201: authoritySchema },
    handler: async (context) => {
      const drafted = await draftNext(deps, context.body.level);
      const { id, name, level } = drafted.authority;
      await commitChange(deps, context, {
        operation: 'pki.authority.create',
        resource: `pki/authorities/${id}`,
        details: { name, level },
        steps: drafted.steps,
      });
      await deps.pki.refresh();
      return { status: 201, body: await viewOf(deps, id) };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/rotations',
    permission: 'pki.authority.rotate',
    summary: 'Replace the active authority of a level and what is below it; the former ones stay accepted',
    tag,
    body: rotateSchema,
    answers: { 200: rotationSchema },
    handler: async (context) => {
      const { level, renew_agents } = context.body;
      await deps.pki.refreshIfChanged();
      checkRoom(deps);
      const rotation = await planRotation(draftDeps(deps), deps.pki.authorities(), level);
      const { activated, former, dataPlane } = rotation;
      await commitChange(deps, context, {
        operation: 'pki.authority.rotate',
        resource: 'pki/authorities',
        details: { level, activated, former, renew_agents },
        steps: renew_agents ? rotation.steps : [...rotation.steps, leaveAgents(deps.store, dataPlane)],
      });
      await deps.pki.refresh();
      return { status: 200, body: { activated: [...activated], former: [...former] } };
    },
  });
  retireRoute(app, deps);
}

function readingRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authorities',
    permission: 'pki.authority.read',
    summary: 'List the authorities, what they issued that is in use, and what runs out',
    tag,
    answers: { 200: authorityListSchema },
    handler: async () => ({ status: 200, body: { items: await view(deps), next_cursor: null } }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authorities/:authority',
    permission: 'pki.authority.read',
    summary: 'Show an authority, by its id, its name, or the level whose active one it is',
    tag,
    params,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      const { id } = await findAuthority(deps.store, context.params.authority);
      return { status: 200, body: await viewOf(deps, id) };
    },
  });
}

function retireRoute(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/authorities/:authority/retire',
    permission: 'pki.authority.retire',
    summary:
      'Refuse what an authority and those below it issued, destroy their keys, and list them as revoked',
    tag,
    params,
    body: retireSchema,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      const authority = await findAuthority(deps.store, context.params.authority);
      const { force } = context.body;
      await deps.pki.refreshIfChanged();
      const { steps, retired } = await planRetirement(
        {
          store: deps.store,
          keys: deps.signingKeys,
          authorities: deps.pki.authorities(),
          now: deps.clock.now(),
          openTokens: deps.openTokens,
        },
        { authority, force },
      );
      await commitChange(deps, context, {
        operation: 'pki.authority.retire',
        resource: `pki/authorities/${authority.id}`,
        details: { name: authority.name, retired, force },
        steps,
      });
      await deps.pki.refresh();
      return { status: 200, body: await viewOf(deps, authority.id) };
    },
  });
}

/** Throws `conflict` where one waits already, and `in_use` for a root while an older one is still trusted. */
async function draftNext(deps: PkiRouteDeps, level: Level): Promise<DraftedAuthority> {
  await deps.pki.refreshIfChanged();
  checkRoom(deps);
  if (level === 'root') checkOverlap(deps.pki.authorities());
  const { all, root, intermediate } = deps.pki.authorities();
  const parent = level === 'root' ? null : level === 'intermediate' ? root : intermediate;
  const waiting = all.find((authority) => isNextUnder(authority, level, parent?.id ?? null));
  if (waiting !== undefined) {
    throw new Failure('conflict', `${waiting.name} waits to take over already.`);
  }
  // Without the key of the old root the new one is signed later, offline.
  const canCross = level === 'root' && root.privateKey !== null;
  return draftAuthority(draftDeps(deps), {
    level,
    state: 'next',
    parent: parent === null ? null : withKey(parent),
    ...(canCross ? { predecessor: withKey(root) } : {}),
  });
}

/** Throws `in_use` where so many count that it is time to retire some. */
export function checkRoom({ pki }: Pick<PkiRouteDeps, 'pki'>): void {
  if (pki.authorities().all.length < authoritiesMax) return;
  throw new Failure(
    'in_use',
    `${authoritiesMax} authorities count already. Retire former ones first: \`wayside pki list\`.`,
  );
}

export function draftDeps({ store, signingKeys, clock }: PkiRouteDeps) {
  return { store, keys: signingKeys, now: clock.now() };
}

function view(deps: PkiRouteDeps): Promise<PkiAuthority[]> {
  const { pki, revocations } = deps;
  return viewAuthorities({ ...draftDeps(deps), authorities: pki.authorities(), revocations });
}

export async function viewOf(deps: PkiRouteDeps, id: string): Promise<PkiAuthority> {
  const found = (await view(deps)).find((authority) => authority.id === id);
  if (found === undefined) throw new Failure('not_found', 'There is no such authority.');
  return found;
}
