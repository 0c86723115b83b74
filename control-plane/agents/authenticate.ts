// The deny list at the agent listener, and the session number of a connection (rules.md 1), in one write.
import { Failure } from '../../protocol/failures.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import { approvalRetryMs } from '../../protocol/limits.ts';
import { supersedeLeaves } from '../pki/leaf-store.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { topicOf } from '../store/hints.ts';
import { GuardFailed } from '../store/store.ts';
import { catchUp } from './catch-up.ts';
import type { AgentsDeps } from './contract.ts';
import { quarantineAgent, quarantined } from './quarantine.ts';
import { beginSession, selectAgentById } from './store.ts';

const triesMax = 3;

/**
 * A session for an active agent whose certificate is not older than one that it has used. Refuses with
 * `certificate_rejected`, `agent_revoked`, `quarantined` or `approval_pending`. For ChannelHandlers.authenticate.
 */
export async function authenticateAgent(
  deps: AgentsDeps,
  identity: SpiffeIdentity,
  certificate: PeerCertificate,
  remoteAddress: string,
): Promise<{ readonly session: number } | Failure> {
  const { agent: id, organization, project } = identity;
  const { generation } = certificate;
  for (let tries = 0; tries < triesMax; tries += 1) {
    try {
      const [begun] = await deps.store.write([
        beginSession(deps.store, { id, organization, project, generation, server: deps.server }),
        supersedeLeaves(deps.store, { subject: id, before: generation }),
      ]);
      // Where its former connection is at another process, that one closes it.
      deps.store.hint(topicOf('agent', id));
      return { session: Number(begun?.rows[0]?.['session']) };
    } catch (cause) {
      if (!(cause instanceof GuardFailed)) throw cause;
      const refusal = await refusalOf(deps, identity, certificate, remoteAddress);
      if (refusal === null) continue;
      deps.countDenial(refusal.code);
      return refusal;
    }
  }
  return new Failure('unavailable', 'The agent could not be looked up just now.');
}

/** Null where nothing speaks against the agent any more. */
async function refusalOf(
  deps: AgentsDeps,
  identity: SpiffeIdentity,
  certificate: PeerCertificate,
  remoteAddress: string,
): Promise<Failure | null> {
  const [agent] = await deps.store.read(selectAgentById(deps.store, identity.agent));
  if (
    agent === undefined ||
    agent.organization !== identity.organization ||
    agent.project !== identity.project
  ) {
    return new Failure('certificate_rejected', 'This control plane knows no such agent. Enrol it again.');
  }
  if (agent.status === 'active' || agent.status === 'pending_approval') {
    const ahead = await catchUp(deps, agent, { certificate, ip: remoteAddress });
    if (ahead !== null) return ahead;
  }
  if (agent.status === 'active') {
    if (agent.generation_seen <= certificate.generation) return null;
    return quarantineAgent(deps, agent, {
      reason: 'certificate_went_back',
      presented: certificate.generation,
      known: agent.generation_seen,
      ip: remoteAddress,
      otherIp: agent.last_address,
    });
  }
  return statusFailure(agent.status);
}

/** Why an agent that is not active gets nothing. */
export function statusFailure(status: 'pending_approval' | 'quarantined' | 'revoked'): Failure {
  switch (status) {
    case 'revoked':
      return new Failure('agent_revoked', 'This agent was revoked. Enrol it again if it is to come back.');
    case 'quarantined':
      return quarantined();
    case 'pending_approval':
      return new Failure(
        'approval_pending',
        'A person must approve this agent first: `wayside agent approve`, with the fingerprint of its key.',
        { details: { retry_after_ms: approvalRetryMs } },
      );
  }
}
