// The next certificate of an agent, for a new key, vouched for by the present one.
import { Failure } from '../../protocol/failures.ts';
import type { Identity } from '../../protocol/api/enrollment.ts';
import type { SpiffeIdentity } from '../../protocol/ids.ts';
import type { RenewRequest } from '../channel/contract.ts';
import { keyFingerprint } from '../pki/fingerprint.ts';
import { selectLeaf } from '../pki/leaf-store.ts';
import type { PeerCertificate } from '../pki/peer-certificate.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import { statusFailure } from './authenticate.ts';
import { catchUp } from './catch-up.ts';
import type { AgentsDeps } from './contract.ts';
import { identityOf, issueCertificate, readKeys, recordIssued } from './issue-identity.ts';
import type { RequestedKeys } from './issue-identity.ts';
import { quarantineAgent } from './quarantine.ts';
import { selectAgentById, selectGroupsOf, updateCertificate } from './store.ts';

export interface Renewal {
  readonly identity: SpiffeIdentity;
  readonly certificate: PeerCertificate;
  readonly request: RenewRequest;
  readonly remoteAddress: string;
}

const triesMax = 3;

/**
 * Throws `invalid_csr`, `invalid_request` (a generation that is not the certificate's), `agent_revoked`,
 * `quarantined` or `certificate_rejected`. For ChannelHandlers.renew.
 */
export async function renewAgent(deps: AgentsDeps, renewal: Renewal): Promise<Identity> {
  const { certificate, request } = renewal;
  if (request.generation !== certificate.generation) {
    throw new Failure('invalid_request', 'The generation is not that of the certificate of this connection.');
  }
  const keys = await readKeys(request);
  for (let tries = 0; tries < triesMax; tries += 1) {
    try {
      return await renewOnce(deps, renewal, keys);
    } catch (cause) {
      // Another renewal of this agent was faster, or its authority was retired: look at what is there now.
      if (!(cause instanceof GuardFailed)) throw cause;
      if (cause.guard === 'authority') await deps.pki.refresh();
    }
  }
  throw new Failure('unavailable', 'The certificate could not be renewed just now.');
}

async function renewOnce(deps: AgentsDeps, renewal: Renewal, keys: RequestedKeys): Promise<Identity> {
  const { certificate, remoteAddress } = renewal;
  const agent = await readCaughtUp(deps, renewal);
  const generation = nextGeneration(agent, certificate.generation, keyFingerprint(keys.publicKey));
  if (generation === null) {
    const [latest] = await deps.store.read(selectLeaf(deps.store, agent.certificate_serial));
    throw await quarantineAgent(deps, agent, {
      reason: 'certificate_went_back',
      presented: certificate.generation,
      known: agent.generation,
      ip: remoteAddress,
      otherIp: latest?.issued_to ?? agent.last_address,
    });
  }
  const leaf = await issueCertificate(deps, agent, { publicKey: keys.publicKey, generation });
  const { store } = deps;
  const groups = await store.read(selectGroupsOf(store, [agent.id]));
  await store.write([
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
        operation: 'agent.renew',
        details: { generation, fingerprint: leaf.fingerprint },
        ip: remoteAddress,
      }),
    ),
  ]);
  return identityOf(deps, agent, {
    groups,
    leaf,
    generation,
    isPending: agent.status === 'pending_approval',
  });
}

/** With what its certificate says, also where the database went back in time since it was issued. */
async function readCaughtUp(deps: AgentsDeps, { identity, certificate, remoteAddress }: Renewal) {
  const agent = await readAgent(deps, identity);
  if (certificate.generation <= agent.generation) return agent;
  const ahead = await catchUp(deps, agent, { certificate, ip: remoteAddress });
  if (ahead !== null) throw ahead;
  return readAgent(deps, identity);
}

async function readAgent(deps: AgentsDeps, identity: SpiffeIdentity) {
  const [agent] = await deps.store.read(selectAgentById(deps.store, identity.agent));
  if (
    agent === undefined ||
    agent.organization !== identity.organization ||
    agent.project !== identity.project
  ) {
    throw new Failure('certificate_rejected', 'This control plane knows no such agent. Enrol it again.');
  }
  if (agent.status === 'revoked' || agent.status === 'quarantined') throw statusFailure(agent.status);
  return agent;
}

/**
 * Which generation the renewal gets. The same key with the generation before is an answer that was lost, and gets
 * the same one again; another key with an old generation is a copy (null).
 */
export function nextGeneration(
  known: { readonly generation: number; readonly key_fingerprint: string },
  presented: number,
  fingerprint: string,
): number | null {
  if (presented >= known.generation) return presented + 1;
  const isRepeated = presented === known.generation - 1 && fingerprint === known.key_fingerprint;
  return isRepeated ? known.generation : null;
}
