// What a frame of an agent may do with a run: the fence of rules.md 4 and 5. Pure but for the reading of the row.
import { closeCodes } from '../../protocol/frames.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { RunFacts } from './contract.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

/** The run and attempt that a frame speaks of. */
export interface AttemptNamed {
  readonly run: string;
  readonly attempt: number;
}

export type Standing =
  /** The run is this agent's, in this attempt, in whatever state. */
  | { readonly kind: 'mine'; readonly run: RunFacts }
  /** It was given on, or taken back, or is not known: the agent may forget it. */
  | { readonly kind: 'stale' }
  /** It ended long ago, and only its tombstone is left. */
  | { readonly kind: 'pruned' }
  /** It was never this agent's. */
  | { readonly kind: 'foreign'; readonly run: RunFacts };

/** Where a frame stands against the row. */
export function standingOf(run: RunFacts | undefined, agent: string, attempt: number): Standing {
  if (run === undefined || attempt < run.attempt) return { kind: 'stale' };
  if (run.agent === agent && attempt === run.attempt) return { kind: 'mine', run };
  // Taken back: the attempt was somebody's, perhaps this agent's.
  if (run.agent === null && attempt === run.attempt && attempt > 0) return { kind: 'stale' };
  return { kind: 'foreign', run };
}

/**
 * True of an attempt that a rollback has put in doubt: in what is lost of the store, a later attempt may have followed
 * an offer that was not accepted in time. Whoever has only accepted it must not begin, and its word that it never began
 * says nothing about the run (rules.md 12).
 */
export function isInDoubt(
  run: Pick<RunFacts, 'state' | 'failure_code' | 'store_incarnation'>,
  store: string,
): boolean {
  if (run.state === 'offered') return run.store_incarnation !== store;
  return run.state === 'indeterminate' && run.failure_code === 'store_rolled_back';
}

/**
 * Reads what the row says, unless it is remembered in the state that the frame needs: every write checks it again, and
 * every refusal is decided on the row itself.
 */
export async function readStanding(
  parts: RunParts,
  connection: AgentConnection,
  frame: AttemptNamed,
  options: { readonly again: boolean; readonly needs: 'offered' | 'running' },
): Promise<Standing> {
  const held = parts.seats.of(connection)?.held.get(frame.run);
  if (!options.again && held?.attempt === frame.attempt && held.state === options.needs) {
    return { kind: 'mine', run: held };
  }
  const [facts, tombstones] = (await parts.store.snapshot([
    parts.reads.facts({ run: frame.run }),
    parts.reads.tombstonesIn({ runs: listOf([frame.run]) }),
  ])) as unknown as [RunFacts[], unknown[]];
  if (facts.length === 0 && tombstones.length > 0) return { kind: 'pruned' };
  const standing = standingOf(facts[0], connection.agentId, frame.attempt);
  if (standing.kind === 'mine') remember(parts, connection, standing.run);
  return standing;
}

/** Remembers the facts as they were just committed, where the connection is still the agent's. */
export function remember(parts: RunParts, connection: AgentConnection, run: RunFacts): void {
  const held = parts.seats.of(connection)?.held;
  if (held?.has(run.id) === true) held.set(run.id, run);
}

/** Answers what is not this agent's: `stale`, `pruned`, or an end of the connection that the audit tells of. */
export async function answerOutsider(
  parts: RunParts,
  connection: AgentConnection,
  frame: AttemptNamed,
  standing: Exclude<Standing, { kind: 'mine' }>,
): Promise<void> {
  const { run, attempt } = frame;
  switch (standing.kind) {
    case 'stale':
      connection.send({ type: 'stale', run, attempt });
      return;
    case 'pruned':
      connection.send({ type: 'ack', run, attempt, seq: 0, ended: true, pruned: true });
      return;
    case 'foreign':
      return turnAway(parts, connection, frame, { operation: 'run.report', reason: 'not_your_run' });
  }
}

/** Ends the connection of an agent that speaks of what is not its own, and says in the audit trail what it tried. */
export async function turnAway(
  parts: Pick<RunParts, 'store' | 'audit'>,
  connection: AgentConnection,
  { run, attempt }: AttemptNamed,
  { operation, reason }: { readonly operation: 'run.report' | 'run.rebuild'; readonly reason: string },
): Promise<void> {
  await parts.store.write([
    parts.audit.step({
      organization: connection.organization,
      principal: { id: connection.agentId, name: connection.agentId, kind: 'agent' },
      operation,
      permission: null,
      resource: `projects/${connection.project}/runs/${run}`,
      result: 'denied',
      decision: null,
      details: { reason, attempt },
      request: { session: connection.session, ip: connection.remoteAddress },
    }),
  ]);
  connection.close(closeCodes.not_your_run, 'not_your_run');
}
