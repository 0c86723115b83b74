// A run that the store has lost with a restore or a rollback is rebuilt from the server's own signed intent, as an
// agent shows it, and from what that agent says became of it (rules.md 12). Idempotent.
import type { AgentFrame } from '../../protocol/frames.ts';
import { Failure } from '../../protocol/failures.ts';
import { verifyIntent } from '../../protocol/intent.ts';
import type { Intent } from '../../protocol/intent.ts';
import { stringifyJson } from '../../protocol/json.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { auditByAgent } from './audit-entry.ts';
import { commitRun, decideAgain } from './commit.ts';
import { completeRun } from './complete.ts';
import type { RunFacts, Seat } from './contract.ts';
import { stateEvent } from './events.ts';
import { turnAway } from './fence.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';
import { decideShown, isLost } from './rebuild-decide.ts';
import type { RebuildDecision, ShownFrame } from './rebuild-decide.ts';
import type { Rebuilt } from './rebuilt.ts';
import type { ToldValues } from './store-rebuild.ts';

type PastFrame = Extract<AgentFrame, { type: 'past' }>;

/** In the audit trail. */
const operation = 'run.rebuild';

/** Answers which of the runs that are over for the agent are lost here. */
export async function askForLost(
  parts: RunParts,
  connection: AgentConnection,
  frame: PastFrame,
): Promise<void> {
  const { rows, pruned } = await readRows(
    parts,
    frame.runs.map(({ run }) => run),
  );
  const facts = { agent: connection.agentId, store: parts.store.incarnation };
  const runs = frame.runs.filter(
    (named) => !pruned.has(named.run) && isLost(named, { ...facts, row: rows.get(named.run) }),
  );
  connection.send({ type: 'show', runs });
}

/** Answers `rebuilt` where reports may go on, `ack` where the row has its verdict, else `stale`. */
export async function rebuildRun(
  parts: RunParts,
  connection: AgentConnection,
  shown: ShownFrame,
): Promise<void> {
  const seat = parts.seats.of(connection);
  if (seat === null) return;
  const [intent, lives] = await Promise.all([readIntent(parts, shown), parts.lives()]);
  if (intent === null) return turnAway(parts, connection, shown, { operation, reason: 'invalid_intent' });
  await decideAgain(async () => {
    const { rows, pruned } = await readRows(parts, [shown.run]);
    const decision = decideShown({
      shown,
      intent,
      agent: { id: connection.agentId, organization: connection.organization, project: connection.project },
      store: parts.store.incarnation,
      earlier: lives.known,
      row: rows.get(shown.run),
      isPruned: pruned.has(shown.run),
      now: parts.clock.now(),
    });
    await carryOut(parts, { connection, seat, shown, intent }, decision);
  });
}

async function readRows(parts: RunParts, ids: readonly string[]) {
  const runs = listOf(ids);
  const [facts, tombstones] = (await parts.store.snapshot([
    parts.reads.factsIn({ runs }),
    parts.reads.tombstonesIn({ runs }),
  ])) as unknown as [RunFacts[], { run: string }[]];
  return {
    rows: new Map(facts.map((row) => [row.id, row])),
    pruned: new Set(tombstones.map(({ run }) => run)),
  };
}

/** Retired keys count: the intent may be older than the key. Its age does not, because nothing starts on it. */
async function readIntent(parts: RunParts, { intent }: ShownFrame): Promise<Intent | null> {
  try {
    return await verifyIntent(intent, await parts.intentKeys());
  } catch (cause) {
    if (cause instanceof Failure) return null;
    throw cause;
  }
}

interface Telling {
  readonly connection: AgentConnection;
  readonly seat: Seat;
  readonly shown: ShownFrame;
  readonly intent: Intent;
}

async function carryOut(parts: RunParts, telling: Telling, decision: RebuildDecision): Promise<void> {
  const { connection, shown } = telling;
  const { run, attempt } = shown;
  switch (decision.kind) {
    case 'refuse':
      return turnAway(parts, connection, shown, { operation, reason: decision.reason });
    case 'stale':
      connection.send({ type: 'stale', run, attempt });
      return;
    case 'pruned':
      connection.send({ type: 'ack', run, attempt, seq: 0, ended: true, pruned: true });
      return;
    case 'known':
      return answer(connection, shown, decision.row);
    case 'end': {
      const { outcome } = shown;
      if (outcome === null) throw new Error('a run ends with an outcome');
      const end = { type: 'end' as const, run, attempt, last_seq: shown.acked_seq, outcome };
      return completeRun(parts, connection, { run: decision.row, reports: [], end });
    }
    case 'insert':
    case 'advance':
      return write(parts, telling, decision);
  }
}

type Writing = Extract<RebuildDecision, { kind: 'insert' | 'advance' }>;

async function write(parts: RunParts, telling: Telling, decision: Writing): Promise<void> {
  const { connection, seat, shown, intent } = telling;
  const { agentId: agent, session } = connection;
  const group = [...seat.groups].find(([, name]) => name === intent.group)?.[0];
  if (group === undefined && decision.kind === 'insert') return tellGone(parts, telling);
  const told = toldValues(parts, telling, decision);
  const { run, attempt } = shown;
  const steps =
    decision.kind === 'insert'
      ? [
          parts.sql.countAction({ action: intent.action.id }),
          parts.sql.insertLost({ ...lostValues(intent), ...told, group: group ?? '' }),
        ]
      : [
          parts.sql.advance({
            ...told,
            run,
            attempt,
            from: decision.row.state,
            fromAttempt: decision.row.attempt,
            settled: decision.row.state === 'indeterminate' && decision.to !== 'indeterminate' ? 1 : 0,
          }),
        ];
  const { to } = decision;
  await commitRun(parts, {
    run,
    attempt,
    steps: [parts.sql.session({ agent, session }), ...steps],
    events: [
      {
        event: stateEvent({
          state: to,
          agent: seat.agent,
          code: told.code,
          message: told.message ?? rebuiltMessage,
        }),
      },
    ],
    audit: [auditOf(telling, { state: to, was: decision.kind === 'insert' ? null : decision.row.state })],
  });
  const had = decision.kind === 'advance' ? decision.row.agent : null;
  if (had !== null && (had !== agent || to !== 'running')) parts.letGo({ id: run, agent: had });
  const [row] = await parts.store.read(parts.reads.facts({ run }));
  if (row === undefined) return;
  // What it has in hand counts for its slots from now on.
  if (row.state === 'running' && row.agent === agent) seat.held.set(run, row);
  answer(connection, shown, row);
}

const rebuiltMessage = 'The database went back behind this run; it was rebuilt from what its agent showed.';

function toldValues(parts: RunParts, { connection, shown, intent }: Telling, decision: Writing): ToldValues {
  const { outcome } = shown;
  const { to } = decision;
  const seq = shown.acked_seq;
  const now = parts.clock.now();
  // A clock that is ahead would keep the row for longer than any other.
  const past = (at: number | null): number | null => (at === null ? null : Math.min(at, now));
  return {
    agent: connection.agentId,
    session: connection.session,
    agentIncarnation: connection.incarnation ?? '',
    store: parts.store.incarnation,
    to,
    outcome: outcome === null ? null : stringifyJson(outcome),
    ...explanationOf(shown, to),
    rebuilt: stringifyJson({
      at: now,
      store_incarnation: intent.store_incarnation,
      missing: missingOf(shown, decision),
    } satisfies Rebuilt),
    seq,
    events: 1,
    offeredAt: intent.issued_at,
    startedAt: past(shown.begun_at) ?? (to === 'running' ? intent.issued_at : null),
    endedAt: past(shown.ended_at),
  };
}

function explanationOf({ outcome, state }: ShownFrame, to: string): Pick<ToldValues, 'code' | 'message'> {
  if (to === 'indeterminate' && outcome !== null) {
    return {
      code: 'agent_interrupted',
      message: 'The agent died while the run was going on, before the database went back.',
    };
  }
  if (to === 'indeterminate') {
    const message =
      state === 'accepted'
        ? 'The agent that shows it had accepted the run and never began it; what came after that is lost.'
        : 'The database went back behind this run, and its agent has not said yet how it ended.';
    return { code: 'store_rolled_back', message };
  }
  return { code: outcome?.code ?? null, message: outcome?.message ?? null };
}

/** Said in the row, so that nobody takes what is not there for what never was. */
function missingOf(shown: ShownFrame, { kind }: Writing): Rebuilt['missing'] {
  return [
    ...(kind === 'insert' ? (['inputs', 'reason'] as const) : []),
    ...(shown.acked_seq > 0 ? (['output'] as const) : []),
    ...(shown.outcome === null ? [] : (['details'] as const)),
  ];
}

function lostValues(intent: Intent) {
  return {
    run: intent.run,
    attempt: intent.attempt,
    organization: intent.organization,
    project: intent.project,
    action: intent.action.id,
    actionName: intent.action.name,
    operation: intent.operation,
    digest: intent.definition_digest,
    requestedBy: intent.requested_by.id,
    requesterName: intent.requested_by.name,
  };
}

function answer(
  connection: AgentConnection,
  { run, attempt, state, outcome }: ShownFrame,
  row: RunFacts,
): void {
  if (outcome !== null || (row.state !== 'running' && row.state !== 'indeterminate')) {
    connection.send({ type: 'ack', run, attempt, seq: row.last_wire_seq, ended: true, pruned: false });
  } else if (state === 'accepted') {
    connection.send({ type: 'stale', run, attempt });
  } else {
    connection.send({ type: 'rebuilt', run, attempt, have_seq: row.last_wire_seq });
  }
}

function auditOf({ connection, seat, shown, intent }: Telling, details: Readonly<Record<string, unknown>>) {
  const { run: id, organization, project, attempt, action } = intent;
  return auditByAgent(
    seat.agent,
    connection.session,
    { id, organization, project, attempt, action_name: action.name, sequence: 0 },
    {
      operation,
      details: {
        ...details,
        store_incarnation: intent.store_incarnation,
        requested_by: intent.requested_by.name,
        digest: intent.definition_digest,
        shown: shown.outcome?.result ?? shown.state,
      },
    },
  );
}

/** Its group was made after the backup: there is no place for the row, but the record tells of it. */
async function tellGone(parts: RunParts, telling: Telling): Promise<void> {
  const { connection, shown } = telling;
  const { agentId: agent, session } = connection;
  const entry = auditOf(telling, { reason: 'group_gone', group: telling.intent.group });
  await parts.store.write([
    parts.sql.session({ agent, session }),
    parts.audit.step({ ...entry, result: 'failed' }),
  ]);
  connection.send({ type: 'stale', run: shown.run, attempt: shown.attempt });
}
