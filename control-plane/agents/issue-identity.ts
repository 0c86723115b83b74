// A certificate for an agent, and the answer that carries it; enrolment, renewal and recovery share it.
import type { webcrypto } from 'node:crypto';
import type { z } from 'zod';
import type { Identity, sealingKeySchema } from '../../protocol/api/enrollment.ts';
import { canonicalJson } from '../../protocol/json.ts';
import { verifySealingKey } from '../../protocol/key-statements.ts';
import { agentRole } from '../pki/built-in-roles.ts';
import { issueAgentCertificate } from '../pki/issue-leaf.ts';
import type { Leaf } from '../pki/issue-leaf.ts';
import { trustAnchorsOf } from '../pki/trust-anchors.ts';
import { insertLeaf } from '../pki/leaf-store.ts';
import { readRequestKey } from '../pki/read-request.ts';
import type { Step } from '../store/store.ts';
import type { AgentsDeps } from './contract.ts';
import type { GroupOfAgent } from './store.ts';

export interface KeyRequest {
  readonly csr: string;
  readonly sealing_key: z.output<typeof sealingKeySchema>;
}

export interface RequestedKeys {
  readonly publicKey: webcrypto.CryptoKey;
  /** Canonical JSON of the public JWK that inputs are sealed to. */
  readonly sealingKey: string;
}

/** Throws `invalid_csr` unless the request proves its key, and that key proves the sealing key. */
export async function readKeys(request: KeyRequest): Promise<RequestedKeys> {
  const publicKey = await readRequestKey(request.csr);
  await verifySealingKey(request.sealing_key, publicKey);
  return { publicKey, sealingKey: canonicalJson(request.sealing_key.jwk) };
}

export interface AgentFacts {
  readonly id: string;
  readonly name: string;
  readonly organization: string;
  readonly project: string;
}

export function issueCertificate(
  deps: Pick<AgentsDeps, 'pki' | 'clock'>,
  agent: AgentFacts,
  of: { readonly publicKey: webcrypto.CryptoKey; readonly generation: number },
): Promise<Leaf> {
  const { id, organization, project } = agent;
  return issueAgentCertificate(deps.pki.authorities(), {
    ...of,
    identity: { organization, project, agent: id },
    now: deps.clock.now(),
    role: deps.pki.role(agentRole.name) ?? agentRole,
  });
}

/** The certificate in the record of what was issued; the guard `authority` fails where its issuer was retired. */
export function recordIssued(
  deps: Pick<AgentsDeps, 'store'>,
  of: { readonly agent: string; readonly leaf: Leaf; readonly generation: number; readonly to: string },
): readonly Step[] {
  const { agent, leaf, generation, to } = of;
  return insertLeaf(deps.store, {
    serial: leaf.serial,
    authority: leaf.authority,
    role: agentRole.name,
    subject: agent,
    generation,
    issued_to: to,
    not_after: leaf.notAfter,
  });
}

export function identityOf(
  deps: Pick<AgentsDeps, 'pki' | 'urls'>,
  agent: AgentFacts,
  of: {
    readonly groups: readonly Pick<GroupOfAgent, 'name'>[];
    readonly leaf: Leaf;
    readonly generation: number;
    readonly isPending: boolean;
  },
): Identity {
  return {
    agent: { id: agent.id, name: agent.name },
    organization: agent.organization,
    project: agent.project,
    groups: of.groups.map((group) => group.name),
    certificate_chain: of.leaf.chain,
    root: deps.pki.authorities().anchor.pem,
    trust_anchors: trustAnchorsOf(deps.pki.authorities()),
    intent_keys: deps.pki.intentKeys(),
    agent_url: deps.urls.agent,
    not_after: of.leaf.notAfter,
    generation: of.generation,
    pending_approval: of.isPending,
  };
}
