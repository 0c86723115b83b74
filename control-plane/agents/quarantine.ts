// Puts an agent aside whose identity shows signs of a copy: a certificate or a journal that went back, or a process
// that comes back after another one took its place (rules.md 13). Both copies are held, for which is which is not known.
import { closeCodes } from '../../protocol/frames.ts';
import { Failure } from '../../protocol/failures.ts';
import { topicOf } from '../store/hints.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import type { AgentsDeps } from './contract.ts';
import type { AgentFacts } from './issue-identity.ts';
import { quarantine } from './store.ts';

export interface Suspicion {
  readonly reason: 'certificate_went_back' | 'certificate_ahead' | 'journal_went_back' | 'two_processes';
  /** A generation, a counter of the journal, or the incarnation of a process. */
  readonly presented: number | string;
  readonly known: number | string | null;
  /** Where this copy is. */
  readonly ip: string;
  /** Where the other one was last seen; null where nothing is known of it. */
  readonly otherIp: string | null;
}

/** Answers the failure that the peer gets. A live connection of the agent is closed: which is the copy is not known. */
export async function quarantineAgent(
  deps: AgentsDeps,
  agent: AgentFacts,
  suspicion: Suspicion,
): Promise<Failure> {
  const { ip, otherIp, ...seen } = suspicion;
  const details = { ...seen, addresses: [ip, otherIp] };
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
  deps.store.hint(topicOf('agent', agent.id));
  return quarantined();
}

export function quarantined(): Failure {
  return new Failure(
    'quarantined',
    'This identity was used from a copied or restored state folder. Find out which copy is right; then approve the ' +
      'agent by the fingerprint of its key, or revoke it and enrol again.',
  );
}
