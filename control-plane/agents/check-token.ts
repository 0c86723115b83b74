// Whether a token that an agent shows may be used: known, for this use, unspent, in time, from that network. A spent
// one that turns up again is an event that names who spent it (rules.md 33).
import { z } from 'zod';
import { parseJoinToken } from '../../protocol/api/enrollment.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import type { AuditEntry } from '../authority/change.ts';
import type { AgentsDeps } from './contract.ts';
import { mayUseFrom, secretMatches } from './join-token.ts';
import { selectJoinToken } from './token-store.ts';
import type { JoinTokenRow } from './token-store.ts';

const listSchema = z.array(z.string());

export interface UsableToken {
  readonly row: JoinTokenRow;
  /** Group ids. */
  readonly groups: readonly string[];
}

export interface TokenUse {
  readonly token: string;
  readonly purpose: 'join' | 'recovery';
  /** The name that the agent goes by, for the audit. */
  readonly name: string | null;
  readonly remoteAddress: string;
}

/** Throws `invalid_join_token`, `join_token_spent` or `join_token_expired`. */
export async function checkToken(deps: AgentsDeps, use: TokenUse): Promise<UsableToken> {
  const parts = parseJoinToken(use.token.trim());
  const [row] = parts === null ? [] : await deps.store.read(selectJoinToken(deps.store, parts.id));
  const isKnown = parts !== null && row !== undefined && secretMatches(parts.secret, row.hash);
  if (!isKnown || (row.agent === null) !== (use.purpose === 'join')) {
    deps.countDenial('invalid_join_token');
    throw new Failure(
      'invalid_join_token',
      `This is not a ${use.purpose} token of this control plane. Make a new one and copy it whole.`,
    );
  }
  if (row.used_at !== null) throw await refuse(deps, { row, use, reason: 'join_token_spent' });
  if (row.is_expired === 1) throw await refuse(deps, { row, use, reason: 'join_token_expired' });
  if (!mayUseFrom(use.remoteAddress, listSchema.parse(parseJson(row.networks)))) {
    throw await refuse(deps, { row, use, reason: 'invalid_join_token' });
  }
  return { row, groups: listSchema.parse(parseJson(row.groups)) };
}

type Reason = 'join_token_spent' | 'join_token_expired' | 'invalid_join_token';

const messages: Readonly<Record<Reason, string>> = {
  join_token_spent:
    'The token was used before, and each is good once. Make a new one; if you did not use it, tell whoever made it.',
  join_token_expired: 'The token has expired. Make a new one.',
  invalid_join_token: 'The token may not be used from this network.',
};

async function refuse(
  deps: AgentsDeps,
  refusal: { readonly row: JoinTokenRow; readonly use: TokenUse; readonly reason: Reason },
): Promise<Failure> {
  const { row, use, reason } = refusal;
  await deps.store.write([deps.audit.step(auditOf(row, use, reason))]);
  return new Failure(reason, messages[reason]);
}

function auditOf(row: JoinTokenRow, use: TokenUse, reason: Reason): AuditEntry {
  return {
    organization: row.organization,
    principal: null,
    operation: use.purpose === 'join' ? 'agent.enroll' : 'agent.recover',
    permission: null,
    resource: `projects/${row.project}/join-tokens/${row.id}`,
    result: 'denied',
    decision: null,
    details: {
      reason: reason === 'invalid_join_token' ? 'network_not_allowed' : reason,
      name: use.name,
      made_by: row.created_by,
      ...(row.used_by === null
        ? {}
        : {
            spent_by: { agent: row.used_by, name: row.used_by_name },
            spent_at: row.used_at,
            spent_from: row.used_from,
          }),
    },
    request: { ip: use.remoteAddress },
  };
}
