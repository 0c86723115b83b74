// The public side of our certificates: the root, the revocation lists, and the rotation of the key that signs intents.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { commitChange } from '../authority/change.ts';
import type { ChangeDeps } from '../authority/change.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import { rotateIntentKey } from './intent-keys.ts';
import type { Pki } from './open-pki.ts';

const tag = 'pki';
const authoritySchema = z.object({
  trust_domain: z.string(),
  /** PEM. */
  root: z.string(),
  /** SHA-256 of the root (DER), hex; join tokens carry it. */
  root_pin: z.string(),
  /** Data-plane CA, then intermediate; PEM. */
  chain: z.string(),
  /** Key ids of the active intent key and of those that still verify. */
  intent_key: z.string(),
});
const revocationListsSchema = z.object({ pem: z.string(), next_update: z.int() });

export interface PkiRouteDeps extends RouteDeps, ChangeDeps {
  readonly pki: Pki;
  readonly signingKeys: SigningKeys;
  readonly revocations: { current(): Promise<{ readonly pem: string; readonly nextUpdate: number }> };
}

export function pkiRoutes(app: FastifyInstance, deps: PkiRouteDeps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/authority',
    permission: 'pki.authority.read',
    summary: 'The root certificate, its pin, and the chain below it',
    tag,
    answers: { 200: authoritySchema },
    handler: async () => ({ status: 200, body: authorityView(deps.pki) }),
  });
  route(app, deps, {
    method: 'GET',
    url: '/v1/pki/revocation-lists',
    permission: 'pki.authority.read',
    summary: 'The revocation lists of root, intermediate and data-plane CA (RFC 5280, section 5)',
    tag,
    answers: { 200: revocationListsSchema },
    handler: async () => {
      const { pem, nextUpdate } = await deps.revocations.current();
      return { status: 200, body: { pem, next_update: nextUpdate } };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/pki/intent-keys/rotate',
    permission: 'operations.keyring.rotate',
    summary: 'Make the next intent key the active one; the former verifies until its last intent has expired',
    tag,
    answers: { 200: authoritySchema },
    handler: async (context) => {
      const before = deps.pki.intentKey().kid;
      await rotateIntentKey(deps.signingKeys, (steps) =>
        commitChange(deps, context, {
          operation: 'pki.rotate_intent_key',
          resource: 'pki/intent-keys',
          details: { before },
          steps,
        }),
      );
      await deps.pki.refresh();
      return { status: 200, body: authorityView(deps.pki) };
    },
  });
}

function authorityView(pki: Pki): z.input<typeof authoritySchema> {
  const { trustDomain, root, rootPin, chain } = pki.authorities();
  return {
    trust_domain: trustDomain,
    root: root.pem,
    root_pin: rootPin,
    chain,
    intent_key: pki.intentKey().kid,
  };
}
