// Writes down what an agent says of itself when it connects and when it reloads its files. Every write carries the
// session (rules.md 1): a frame of a connection that was replaced changes nothing.
import { z } from 'zod';
import type { AgentFrame, ServerFrame } from '../../protocol/frames.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Definition } from '../../protocol/frames.ts';
import { parseJson, stringifyJson } from '../../protocol/json.ts';
import { actionTimeoutMsMax, formerIncarnationsMax } from '../../protocol/limits.ts';
import type { AgentConnection, HelloFrame } from '../channel/contract.ts';
import { trustAnchorsOf } from '../pki/trust-anchors.ts';
import { GuardFailed } from '../store/store.ts';
import type { DefinitionsTable } from '../store/schema.ts';
import type { Step } from '../store/store.ts';
import { statusFailure } from './authenticate.ts';
import type { AgentsDeps } from './contract.ts';
import {
  deleteDefinition,
  insertSensitiveInputs,
  selectDefinitionsOf,
  upsertDefinitions,
} from './definition-store.ts';
import { differenceOf, readAdvertised } from './definitions.ts';
import { quarantineAgent } from './quarantine.ts';
import { selectAgentById, selectGroupsOf, selectProcesses, updateHello, updateLoadErrors } from './store.ts';
import type { GroupOfAgent } from './store.ts';

export type DefinitionsFrame = Extract<AgentFrame, { type: 'definitions' }>;

/** What the answer to a hello needs. */
export interface RecordedHello {
  readonly agent: { readonly id: string; readonly name: string };
  readonly isDraining: boolean;
  /** By the database's clock, epoch ms. */
  readonly now: number;
  /** Names in the agent's file that it may serve, and those that it may not or that nobody knows. */
  readonly knownGroups: readonly string[];
  readonly unknownGroups: readonly string[];
}

/** Throws `session_replaced`, `agent_revoked` or `quarantined`; the connection is closed with that. */
export async function recordHello(
  deps: AgentsDeps,
  connection: AgentConnection,
  frame: HelloFrame,
): Promise<RecordedHello> {
  const { store } = deps;
  const processes = await checkProcesses(deps, connection, frame.incarnation);
  const advertising = await readAdvertising(deps, connection, frame);
  const hello = updateHello(store, connection, {
    incarnation: frame.incarnation,
    journal_counter: frame.journal_counter,
    version: frame.version,
    concurrency: frame.concurrency,
    shares_user: frame.shares_user ? 1 : 0,
    load_errors: stringifyJson(frame.load_errors),
    last_address: connection.remoteAddress,
    former_incarnations: processes,
  });
  const results = await writeInSession(deps, connection, {
    steps: [hello, ...advertising.steps],
    journalCounter: frame.journal_counter,
  });
  const row = results[0]?.rows[0] ?? {};
  return {
    agent: { id: connection.agentId, name: String(row['name']) },
    isDraining: row['draining'] === 1,
    now: Number(row['now']),
    knownGroups: advertising.knownGroups,
    unknownGroups: advertising.unknownGroups,
  };
}

/** After a reload of the agent's files. Throws as `recordHello` does. */
export async function recordDefinitions(
  deps: AgentsDeps,
  connection: AgentConnection,
  frame: DefinitionsFrame,
): Promise<Pick<RecordedHello, 'knownGroups' | 'unknownGroups'>> {
  const { steps, ...groups } = await readAdvertising(deps, connection, frame);
  const loadErrors = updateLoadErrors(deps.store, connection, stringifyJson(frame.load_errors));
  await writeInSession(deps, connection, { steps: [loadErrors, ...steps], journalCounter: null });
  return groups;
}

const incarnationsSchema = z.array(z.string());

/**
 * A process makes its incarnation up when it starts, and a state folder has one process at a time. So one that says
 * hello again after another one did is alive beside it: there are two copies of the folder, and two live sessions with
 * one identity. Answers the processes that were replaced, this one's predecessor included. Throws `quarantined`.
 */
async function checkProcesses(
  deps: AgentsDeps,
  connection: AgentConnection,
  incarnation: string,
): Promise<string> {
  const [row] = await deps.store.read(selectProcesses(deps.store, connection.agentId));
  const former = incarnationsSchema.parse(parseJson(row?.former_incarnations ?? '[]'));
  const last = row?.incarnation ?? null;
  if (last === null || last === incarnation) return stringifyJson(former);
  if (!former.includes(incarnation)) {
    return stringifyJson([...former, last].slice(-formerIncarnationsMax));
  }
  const [agent] = await deps.store.read(selectAgentById(deps.store, connection.agentId));
  if (agent?.status !== 'active' || agent.session !== connection.session) {
    throw await sessionFailure(deps, connection, null);
  }
  throw await quarantineAgent(deps, agent, {
    reason: 'two_processes',
    presented: incarnation,
    known: last,
    ip: connection.remoteAddress,
    otherIp: agent.last_address,
  });
}

/** The frame that opens the agent's session. */
export function welcomeOf(
  deps: Pick<AgentsDeps, 'pki'>,
  connection: AgentConnection,
  answer: {
    readonly hello: RecordedHello;
    readonly heartbeatMs: number;
    readonly runs: Extract<ServerFrame, { type: 'welcome' }>['runs'];
  },
): Extract<ServerFrame, { type: 'welcome' }> {
  const { hello } = answer;
  return {
    type: 'welcome',
    session: connection.session,
    agent: hello.agent,
    organization: connection.organization,
    project: connection.project,
    now: hello.now,
    heartbeat_ms: answer.heartbeatMs,
    unknown_groups: [...hello.unknownGroups],
    known_groups: [...hello.knownGroups],
    intent_keys: deps.pki.intentKeys(),
    trust_anchors: trustAnchorsOf(deps.pki.authorities()),
    runs: answer.runs,
  };
}

interface Advertising {
  readonly steps: readonly Step[];
  readonly knownGroups: readonly string[];
  readonly unknownGroups: readonly string[];
}

async function readAdvertising(
  deps: AgentsDeps,
  connection: AgentConnection,
  frame: { readonly groups: readonly string[]; readonly definitions: readonly Definition[] },
): Promise<Advertising> {
  const { store } = deps;
  const { agentId } = connection;
  const [groups, stored] = (await store.snapshot([
    selectGroupsOf(store, [agentId]),
    selectDefinitionsOf(store, agentId),
  ])) as unknown as [readonly GroupOfAgent[], readonly DefinitionsTable[]];
  const allowed = new Map(groups.map((group) => [group.name, group.id]));
  // An advertised timeout has a cap, so that no agent can keep a run for ever (rules.md 7).
  const capped = frame.definitions.map((definition) => ({
    ...definition,
    timeout_ms: Math.min(definition.timeout_ms, actionTimeoutMsMax),
  }));
  const advertised = readAdvertised(capped, allowed);
  const { changed, gone } = differenceOf(stored, advertised.definitions);
  return {
    steps: [
      ...upsertDefinitions(store, agentId, changed),
      ...gone.map((definition) => deleteDefinition(store, definition)),
      // Those of unchanged definitions are there already.
      ...(changed.length === 0 ? [] : insertSensitiveInputs(store, advertised.sensitive)),
    ],
    knownGroups: frame.groups.filter((name) => allowed.has(name)),
    unknownGroups: frame.groups.filter((name) => !allowed.has(name)),
  };
}

/** Writes; where the session guard fails, says why it does. */
export async function writeInSession(
  deps: AgentsDeps,
  connection: AgentConnection,
  of: { readonly steps: readonly Step[]; readonly journalCounter: number | null },
) {
  try {
    return await deps.store.write(of.steps);
  } catch (cause) {
    if (!(cause instanceof GuardFailed) || cause.guard !== 'session') throw cause;
    throw await sessionFailure(deps, connection, of.journalCounter);
  }
}

async function sessionFailure(
  deps: AgentsDeps,
  connection: AgentConnection,
  journalCounter: number | null,
): Promise<Failure> {
  const [agent] = await deps.store.read(selectAgentById(deps.store, connection.agentId));
  if (agent === undefined) return new Failure('certificate_rejected', 'This agent is not known any more.');
  if (agent.status !== 'active') return statusFailure(agent.status);
  if (agent.session === connection.session && journalCounter !== null) {
    return quarantineAgent(deps, agent, {
      reason: 'journal_went_back',
      presented: journalCounter,
      known: agent.journal_counter,
      ip: connection.remoteAddress,
      otherIp: agent.last_address,
    });
  }
  return new Failure('session_replaced', 'A newer connection of this agent took over.');
}
