// An agent presents a certificate of ours that is newer than any that the database knows of: it was issued before the
// database went back in time. After a restore that is expected; otherwise somebody put old data back by hand, or has
// our authority's key (rules.md 12 and 13).
import type { Failure } from '../../protocol/failures.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { selectLeaf } from '../pki/leaf-store.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import type { AgentsDeps } from './contract.ts';
import { quarantineAgent } from './quarantine.ts';
import { catchUpCertificate } from './store.ts';
import type { AgentRow } from './store.ts';

/**
 * Writes down what the certificate says, so that a person compares the fingerprint of the key that is in use. Answers
 * what the peer gets where the agent may not be ahead of the database; null where all is well.
 */
export async function catchUp(
  deps: AgentsDeps,
  agent: Pick<
    AgentRow,
    'id' | 'name' | 'organization' | 'project' | 'generation' | 'may_be_ahead' | 'last_address'
  >,
  seen: { readonly certificate: PeerCertificate; readonly ip: string },
): Promise<Failure | null> {
  const { certificate, ip } = seen;
  const { generation, fingerprint } = certificate;
  if (generation <= agent.generation) return null;
  const details = { generation, known: agent.generation, fingerprint };
  try {
    await deps.store.write([
      catchUpCertificate(deps.store, {
        id: agent.id,
        from: agent.generation,
        key_fingerprint: fingerprint,
        generation,
        certificate_serial: certificate.serial,
        certificate_not_after: certificate.notAfter,
      }),
      deps.audit.step(auditOfAgent(agent, { operation: 'agent.catch_up', details, ip })),
    ]);
  } catch (cause) {
    // Another connection of it was faster.
    if (!(cause instanceof GuardFailed)) throw cause;
  }
  if (agent.may_be_ahead === 1) return null;
  return quarantineAgent(deps, agent, {
    reason: 'certificate_ahead',
    presented: generation,
    known: agent.generation,
    ip,
    otherIp: agent.last_address,
  });
}

/** True of a certificate that the database has lost: the agent should have one that it knows, and a key to seal to. */
export async function isUnknownCertificate(
  deps: Pick<AgentsDeps, 'store'>,
  { certificate }: Pick<AgentConnection, 'certificate'>,
): Promise<boolean> {
  return (await deps.store.read(selectLeaf(deps.store, certificate.serial))).length === 0;
}
