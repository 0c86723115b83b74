// Gives an agent whose certificate expired the same identity back: a recovery token that is bound to its id, and the
// proof that it still holds the key of its last certificate (rules.md 11).
import { webcrypto, X509Certificate } from 'node:crypto';
import type { z } from 'zod';
import type { Identity, recoverSchema } from '../../protocol/api/enrollment.ts';
import { Failure } from '../../protocol/failures.ts';
import { verifyRecovery } from '../../protocol/key-statements.ts';
import { signatureAlgorithm } from '../pki/certify.ts';
import { readPeerCertificate } from '../pki/peer-certificate.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import { statusFailure } from './authenticate.ts';
import { checkToken } from './check-token.ts';
import type { TokenUse } from './check-token.ts';
import type { AgentsDeps } from './contract.ts';
import { identityOf, issueCertificate, readKeys, recordIssued } from './issue-identity.ts';
import { quarantineAgent } from './quarantine.ts';
import { selectAgentById, selectGroupsOf, updateCertificate } from './store.ts';
import { spendJoinToken } from './token-store.ts';

/**
 * Throws what `enrollAgent` throws about tokens and requests, `certificate_rejected` for a certificate that is not
 * this agent's or a proof that is not its key's, and `agent_revoked` or `quarantined`.
 */
export async function recoverAgent(
  deps: AgentsDeps,
  request: z.output<typeof recoverSchema>,
  remoteAddress: string,
): Promise<Identity> {
  const { store } = deps;
  const use: TokenUse = { token: request.token, purpose: 'recovery', name: null, remoteAddress };
  const token = await checkToken(deps, use);
  const [agent] = await store.read(selectAgentById(store, token.row.agent ?? ''));
  if (agent === undefined) throw new Failure('certificate_rejected', 'The agent of this token is not known.');
  if (agent.status === 'revoked' || agent.status === 'quarantined') throw statusFailure(agent.status);
  const last = await readLast(deps, request, agent.id);
  if (last.generation < agent.generation_seen) {
    throw await quarantineAgent(deps, agent, {
      reason: 'certificate_went_back',
      presented: last.generation,
      known: agent.generation_seen,
      ip: remoteAddress,
      otherIp: agent.last_address,
    });
  }
  const keys = await readKeys(request);
  const generation = Math.max(agent.generation, last.generation) + 1;
  const leaf = await issueCertificate(deps, agent, { publicKey: keys.publicKey, generation });
  const groups = await store.read(selectGroupsOf(store, [agent.id]));
  try {
    await store.write([
      spendJoinToken(store, { id: token.row.id, by: agent.id, from: remoteAddress }),
      updateCertificate(store, {
        id: agent.id,
        key_fingerprint: leaf.fingerprint,
        sealing_key: keys.sealingKey,
        generation,
        certificate_serial: leaf.serial,
        certificate_not_after: leaf.notAfter,
        from: agent,
      }),
      ...recordIssued(deps, { agent: agent.id, leaf, generation, to: remoteAddress }),
      deps.audit.step(
        auditOfAgent(agent, {
          operation: 'agent.recover',
          details: {
            token: token.row.id,
            made_by: token.row.created_by,
            generation,
            fingerprint: leaf.fingerprint,
          },
          ip: remoteAddress,
        }),
      ),
    ]);
  } catch (cause) {
    if (!(cause instanceof GuardFailed)) throw cause;
    await checkToken(deps, use);
    throw new Failure('unavailable', 'The agent could not be recovered just now. Try again.', { cause });
  }
  return identityOf(deps, agent, {
    groups,
    leaf,
    generation,
    isPending: agent.status === 'pending_approval',
  });
}

/** The agent's last certificate, expired or not: ours, this agent's, and its key signed the request. */
async function readLast(
  deps: AgentsDeps,
  request: z.output<typeof recoverSchema>,
  agent: string,
): Promise<PeerCertificate> {
  const certificate = parseCertificate(request.certificate);
  const issuers = await deps.pki.formerDataPlanes();
  const isOurs = issuers.some(
    (issuer) => certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey),
  );
  const reading = readPeerCertificate(certificate, deps.pki.authorities().trustDomain);
  if (!isOurs || 'refused' in reading || reading.identity.agent !== agent) {
    throw new Failure(
      'certificate_rejected',
      'The certificate is not one of the agent that this token is for.',
    );
  }
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  const key = await webcrypto.subtle.importKey('spki', spki, signatureAlgorithm, true, ['verify']);
  await verifyRecovery(request.proof, request, key);
  return reading.certificate;
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new Failure('certificate_rejected', 'The certificate cannot be read; send it as PEM.', { cause });
  }
}
