// An agent has connected: what its journal holds is set against the rows, in its session, before it may get offers
// (rules.md 1 to 3).
import { importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { z } from 'zod';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { nextState } from '../../protocol/states.ts';
import type { AgentConnection, HelloFrame } from '../channel/contract.ts';
import type { Step } from '../store/store.ts';
import { commitRun, decideAgain } from './commit.ts';
import { conclude } from './conclude.ts';
import type { RunFacts, Seat, SeatDefinition } from './contract.ts';
import { stateEvent } from './events.ts';
import { giveBack } from './give-back.ts';
import { listOf } from './lists.ts';
import type { SeatRows } from './neighbours.ts';
import type { RunParts } from './parts.ts';
import { decideHello } from './reconcile-decide.ts';
import type { HelloAction, HelloDecision, WelcomeRun } from './reconcile-decide.ts';

export interface Reconciled {
  /** For the welcome. */
  readonly runs: readonly WelcomeRun[];
  /** To be called when the welcome has been sent: repeats cancels, and lets offers flow. */
  readonly ready: () => void;
}

/**
 * Throws `not_found` where the agent may not be here, and GuardFailed `session` where it has connected anew. Its
 * definitions must be stored already.
 */
export async function reconcile(
  parts: RunParts,
  connection: AgentConnection,
  hello: HelloFrame,
): Promise<Reconciled> {
  const decision = await decideAgain(async () => {
    const decided = await decideOnRows(parts, connection, hello);
    await Promise.all(decided.actions.map((action) => carryOut(parts, connection, hello, action)));
    return decided;
  });
  await parts.faultPoint?.('after-reconcile-commit');
  const seat = await takeSeat(parts, connection, hello);
  return {
    runs: decision.welcome,
    ready() {
      for (const frame of decision.frames) connection.send(frame);
      seat.open = true;
      // What was queued at another control plane before it came is known to nobody here.
      for (const group of seat.groups.keys()) parts.wake(group);
    },
  };
}

async function decideOnRows(
  parts: RunParts,
  connection: AgentConnection,
  hello: HelloFrame,
): Promise<HelloDecision> {
  const agent = connection.agentId;
  const runs = listOf(hello.runs.map(({ run }) => run));
  const [held, named] = (await parts.store.snapshot([
    parts.reads.heldBy({ agent }),
    parts.reads.factsIn({ runs }),
  ])) as unknown as [RunFacts[], RunFacts[]];
  const rows = new Map([...held, ...named].map((run) => [run.id, run]));
  return decideHello({ agent, store: parts.store.incarnation, named: hello.runs, rows });
}

async function carryOut(
  parts: RunParts,
  connection: AgentConnection,
  hello: HelloFrame,
  action: HelloAction,
): Promise<void> {
  const { agentId: agent, session } = connection;
  const { run } = action;
  const { id, attempt } = run;
  // After a rollback the row may be older than what became of it: the agent may still show it, or nobody does in time.
  const isOlder = run.store_incarnation !== parts.store.incarnation;
  const guards: readonly Step[] = [parts.sql.session({ agent, session })];
  switch (action.kind) {
    case 'lapse':
      if (isOlder) return;
      return giveBack(parts, run, {
        trigger: 'lapse',
        code: 'agent_lost',
        message: 'The agent connected anew and does not know the offer.',
        guards,
      });
    case 'interrupt':
      if (isOlder) return;
      return conclude(parts, run, {
        trigger: 'interrupt',
        code: 'agent_interrupted',
        message: 'The agent connected anew and knows nothing of the run that was given to it.',
        guards,
      });
    case 'adopt': {
      const steps = [
        ...guards,
        parts.sql.adopt({ run: id, attempt, agent, session, incarnation: parts.store.incarnation }),
      ];
      if (action.lostUpTo !== null) return skipLost(parts, { run, agent, steps, seq: action.lostUpTo });
      await parts.store.write(steps);
      return;
    }
    case 'catch_up': {
      const { incarnation } = hello;
      const state = nextState(run.state, 'accept');
      if (state !== 'running') throw new Error(`a run that is ${run.state} cannot be accepted`);
      await commitRun(parts, {
        run: id,
        attempt,
        facts: run,
        steps: [
          ...guards,
          parts.sql.accept({ run: id, attempt, agent, session, incarnation }),
          parts.sql.adopt({ run: id, attempt, agent, session, incarnation: parts.store.incarnation }),
        ],
        events: [{ event: stateEvent({ state }) }],
      });
    }
  }
}

/**
 * Says in the run's own output what is missing from it. In the unit that adopts the run: an adopted one is of this life
 * of the store, in which nothing is lost.
 */
async function skipLost(
  parts: RunParts,
  of: {
    readonly run: RunFacts;
    readonly agent: string;
    readonly steps: readonly Step[];
    readonly seq: number;
  },
): Promise<void> {
  const { run, agent, steps, seq } = of;
  const { id, attempt, last_wire_seq: last } = run;
  const text = `wayside: reports ${last + 1} to ${seq} were lost with the data that a restore replaced\n`;
  const bytes = Buffer.from(text).toString('base64');
  const data = { operation: '', stream: 'system', bytes };
  await commitRun(parts, {
    run: id,
    attempt,
    steps: [...steps, parts.sql.skip({ run: id, attempt, agent, seq, events: 1 })],
    events: [{ event: { kind: 'output', data } }],
  });
}

async function takeSeat(parts: RunParts, connection: AgentConnection, hello: HelloFrame): Promise<Seat> {
  const agent = connection.agentId;
  const [rows, held] = await Promise.all([
    parts.neighbours.seat(agent),
    parts.store.read(parts.reads.heldBy({ agent })),
  ]);
  if (rows === null) {
    throw new Failure('not_found', 'The agent is revoked, or waits for a person to approve it.');
  }
  const seat: Seat = {
    connection,
    agent: { id: agent, name: rows.name },
    groups: rows.groups,
    definitions: definitionsOf(rows),
    concurrency: hello.concurrency,
    recipient: await recipientOf(rows.sealingKey),
    granted: 0,
    open: false,
    held: new Map(held.map((run) => [run.id, run])),
    idleSince: parts.clock.now(),
  };
  parts.seats.put(seat);
  return seat;
}

/** The agent advertises something else now, and its rows say so already. */
export async function refreshSeat(parts: RunParts, connection: AgentConnection): Promise<void> {
  const rows = await parts.neighbours.seat(connection.agentId);
  const seat = parts.seats.of(connection);
  if (seat === null || rows === null) return;
  seat.definitions = definitionsOf(rows);
  for (const group of seat.groups.keys()) parts.wake(group);
}

function definitionsOf(rows: SeatRows): ReadonlyMap<string, ReadonlyMap<string, SeatDefinition>> {
  const byGroup = new Map<string, Map<string, SeatDefinition>>();
  for (const { group_id, operation, digest, concurrency, token } of rows.definitions) {
    const operations = byGroup.get(group_id) ?? new Map<string, SeatDefinition>();
    byGroup.set(group_id, operations.set(operation, { digest, concurrency, token: token === 1 }));
  }
  return byGroup;
}

const sealingKeySchema = z.looseObject({
  kid: z.string().min(1),
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
});

/** The agent's public encryption key, imported once for a connection. */
async function recipientOf(text: string): Promise<Seat['recipient']> {
  const jwk = sealingKeySchema.parse(parseJson(text));
  return { kid: jwk.kid, publicKey: (await importJWK(jwk as JWK, 'ECDH-ES+A256KW')) as CryptoKey };
}
