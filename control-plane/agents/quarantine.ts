// Puts an agent aside whose identity shows signs of a copy: a certificate or a journal that went back (rules.md 13).
import { closeCodes } from '../../protocol/frames.ts';
import { Failure } from '../../protocol/failures.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import type { AgentsDeps } from './contract.ts';
import type { AgentFacts } from './issue-identity.ts';
import { quarantine } from './store.ts';

export interface Suspicion {
  readonly reason: 'certificate_went_back' | 'journal_went_back';
  readonly presented: number;
  readonly known: number;
  readonly ip: string;
}

/** Answers the failure that the peer gets. A live connection of the agent is closed: which is the copy is not known. */
export async function quarantineAgent(
  deps: AgentsDeps,
  agent: AgentFacts,
  suspicion: Suspicion,
): Promise<Failure> {
  const { ip, ...details } = suspicion;
  try {
    await deps.store.write([
      quarantine(deps.store, agent.id),
      deps.audit.step(auditOfAgent(agent, { operation: 'agent.quarantine', result: 'denied', details, ip })),
    ]);
  } catch (cause) {
    // Somebody quarantined or revoked it meanwhile, which the peer may hear just as well.
    if (!(cause instanceof GuardFailed)) throw cause;
  }
  deps.connectionOf(agent.id)?.close(closeCodes.quarantined, 'quarantined');
  return quarantined();
}

export function quarantined(): Failure {
  return new Failure(
    'quarantined',
    'This identity was used from a copied or restored state folder. Find out which copy is right; then approve the ' +
      'agent by the fingerprint of its key, or revoke it and enrol again.',
  );
}
