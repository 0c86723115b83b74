// Enrols an agent: one token, one agent, in one unit.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { enrollSchema, Identity } from '../../protocol/api/enrollment.ts';
import { Failure } from '../../protocol/failures.ts';
import { GuardFailed } from '../store/store.ts';
import { auditOfAgent } from './audit-entry.ts';
import { checkToken } from './check-token.ts';
import type { TokenUse, UsableToken } from './check-token.ts';
import type { AgentsDeps } from './contract.ts';
import { identityOf, issueCertificate, readKeys, recordIssued } from './issue-identity.ts';
import { insertAgent, selectGroups } from './store.ts';
import type { GroupOfAgent } from './store.ts';
import { spendJoinToken } from './token-store.ts';

/**
 * The identity of a new agent. Throws `invalid_join_token`, `join_token_spent`, `join_token_expired`, `invalid_csr`,
 * `name_taken`, `quota_exceeded` or `entitlement_missing`; the token stays good after the last four.
 */
export async function enrollAgent(
  deps: AgentsDeps,
  request: z.output<typeof enrollSchema>,
  remoteAddress: string,
): Promise<Identity> {
  const { store } = deps;
  const use: TokenUse = { token: request.token, purpose: 'join', name: request.name, remoteAddress };
  const token = await checkToken(deps, use);
  const groups = await groupsOf(deps, token);
  await deps.demandAgent?.();
  const { publicKey, sealingKey } = await readKeys(request);
  const agent = {
    id: randomUUIDv7(),
    name: request.name,
    organization: token.row.organization,
    project: token.row.project,
  };
  const isPending = groups.some((group) => group.production === 1);
  const leaf = await issueCertificate(deps, agent, { publicKey, generation: 1 });
  try {
    await store.write([
      spendJoinToken(store, { id: token.row.id, by: agent.id, from: remoteAddress }),
      ...insertAgent(store, {
        ...agent,
        status: isPending ? 'pending_approval' : 'active',
        key_fingerprint: leaf.fingerprint,
        sealing_key: sealingKey,
        certificate_serial: leaf.serial,
        certificate_not_after: leaf.notAfter,
        groups: groups.map((group) => group.id),
      }),
      ...recordIssued(deps, { agent: agent.id, leaf, generation: 1, to: remoteAddress }),
      deps.audit.step(
        auditOfAgent(agent, {
          operation: 'agent.enroll',
          details: {
            token: token.row.id,
            made_by: token.row.created_by,
            groups: groups.map((group) => group.name),
            fingerprint: leaf.fingerprint,
            pending_approval: isPending,
          },
          ip: remoteAddress,
        }),
      ),
    ]);
  } catch (cause) {
    throw await explain(deps, use, cause);
  }
  return identityOf(deps, agent, { groups, leaf, generation: 1, isPending });
}

async function groupsOf(deps: AgentsDeps, token: UsableToken): Promise<readonly GroupOfAgent[]> {
  const groups = await deps.store.read(selectGroups(deps.store, token.groups));
  if (groups.length > 0) return groups;
  throw new Failure('invalid_join_token', 'The groups that this token was for have been deleted.');
}

/** Losing the race for a token is the same as coming late: it is checked again, now spent. */
async function explain(deps: AgentsDeps, use: TokenUse, cause: unknown): Promise<unknown> {
  if (cause instanceof GuardFailed && cause.guard === 'authority') {
    await deps.pki.refresh();
    return new Failure('unavailable', 'The authority was just replaced. Try again.', { cause });
  }
  if (cause instanceof GuardFailed && cause.guard === 'join_token') {
    return checkToken(deps, use).then(
      () => new Failure('unavailable', 'The token could not be used just now. Try again.'),
      (refusal: unknown) => refusal,
    );
  }
  if (cause instanceof Failure && cause.code === 'name_taken') {
    return new Failure(
      'name_taken',
      `There is an agent ${use.name} in this project. Choose another name, or revoke that agent first; the token is still good.`,
    );
  }
  return cause;
}
