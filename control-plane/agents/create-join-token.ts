// Makes a one-time token with which one agent joins groups, or with which one agent gets its identity back.
import { randomUUIDv7 } from 'node:crypto';
import type { z } from 'zod';
import type { joinTokenCreateSchema, joinTokenSchema } from '../../protocol/api/operations.ts';
import { joinTokenMsDefault } from '../../protocol/limits.ts';
import { stringifyJson } from '../../protocol/json.ts';
import { commitChange } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import { readGroup } from '../groups/read.ts';
import type { AgentsDeps } from './contract.ts';
import { checkNetworks, enrollCommand, makeJoinToken, recoverCommand } from './join-token.ts';
import { statusFailure } from './authenticate.ts';
import type { AgentRow } from './store.ts';
import { insertJoinToken } from './token-store.ts';
import type { NewToken } from './token-store.ts';

export type JoinToken = z.output<typeof joinTokenSchema>;
type Body = z.output<typeof joinTokenCreateSchema>;

/**
 * A token for `group` and the groups of the body, shown in the answer and never again. Throws `not_found` (a group)
 * and `invalid_request` (a network).
 */
export async function createJoinToken(
  deps: AgentsDeps,
  context: ChangeContext & { readonly project: { readonly id: string } },
  request: { readonly group: string } & Body,
): Promise<JoinToken> {
  const project = context.project.id;
  checkNetworks(request.networks);
  const references = [...new Set([request.group, ...request.groups])];
  const groups = await Promise.all(references.map((name) => readGroup(deps.store, project, name)));
  const unique = [...new Map(groups.map((group) => [group.id, group])).values()];
  const made = await makeToken(deps, context, {
    operation: 'group.create_join_token',
    project,
    groups: unique,
    body: request,
    agent: null,
  });
  return { ...made, command: enrollCommand(made.token, deps.urls.enroll) };
}

/** A token that is good for this agent alone. Throws `agent_revoked` or `quarantined`. */
export async function createRecoveryToken(
  deps: AgentsDeps,
  context: ChangeContext,
  request: { readonly agent: AgentRow; readonly groups: readonly GroupName[] } & Pick<
    Body,
    'expires_in_ms' | 'networks'
  >,
): Promise<JoinToken> {
  const { agent } = request;
  checkNetworks(request.networks);
  if (agent.status === 'revoked' || agent.status === 'quarantined') throw statusFailure(agent.status);
  const made = await makeToken(deps, context, {
    operation: 'agent.create_recovery_token',
    project: agent.project,
    groups: request.groups,
    body: request,
    agent: agent.id,
  });
  return { ...made, command: recoverCommand(made.token, deps.urls.enroll) };
}

interface GroupName {
  readonly id: string;
  readonly name: string;
}

async function makeToken(
  deps: AgentsDeps,
  context: ChangeContext,
  of: {
    readonly operation: string;
    readonly project: string;
    readonly groups: readonly GroupName[];
    readonly body: Pick<Body, 'expires_in_ms' | 'networks'>;
    readonly agent: string | null;
  },
): Promise<Omit<JoinToken, 'command'>> {
  const id = randomUUIDv7();
  const { token, hash } = makeJoinToken(id, deps.pki.authorities().rootPin);
  const row: NewToken = {
    id,
    project: of.project,
    groups: stringifyJson(of.groups.map((group) => group.id)),
    networks: stringifyJson(of.body.networks),
    hash,
    created_by: context.caller.principal.id,
    agent: of.agent,
    lifeMs: of.body.expires_in_ms ?? joinTokenMsDefault,
  };
  const groups = of.groups.map((group) => group.name);
  const [inserted] = await commitChange(deps, context, {
    operation: of.operation,
    resource: `projects/${of.project}/join-tokens/${id}`,
    details: { groups, networks: of.body.networks, life_ms: row.lifeMs, agent: of.agent },
    steps: [insertJoinToken(deps.store, row)],
  });
  const expires_at = Number(inserted?.rows[0]?.['expires_at']);
  return { id, token, groups, expires_at, enroll_url: deps.urls.enroll };
}
