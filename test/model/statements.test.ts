// The guards of the model are those of the real SQL: each statement runs beside its model over all small rows, on a
// real store, and both touch the same rows and leave the same in them.
import { describe, expect, it } from 'vitest';
import { runStates } from '../../protocol/states.ts';
import {
  beginSession,
  endSession,
  quarantine,
  revoke,
  sessionGuard,
  updateHello,
} from '../../control-plane/agents/store.ts';
import type { Step } from '../../control-plane/store/store.ts';
import { World } from '../control-plane/runs/world.ts';
import type { FakeAgent } from '../control-plane/runs/world.ts';
import { rulesWithout } from './rules.ts';
import { applyStatement, bornRow } from './statements.ts';
import type { Statement } from './statements.ts';
import type { AgentName, AgentRow, Db, Row } from './state.ts';

const rules = rulesWithout();

interface Stage {
  readonly world: World;
  readonly agents: Readonly<Record<AgentName, FakeAgent>>;
  readonly group: string;
  readonly action: string;
  readonly template: string;
}

async function stage(): Promise<Stage> {
  const world = await World.open();
  const group = await world.group('prod');
  const action = await world.action('deploy', group);
  const agents = {
    A: await world.agent('one', group, [{ operation: 'deploy' }]),
    B: await world.agent('two', group, [{ operation: 'deploy' }]),
  };
  const { id: template } = await world.press(action);
  await world.runs.idle();
  return { world, agents, group, action: action.id, template };
}

/** All small rows: of one run in every state that its columns can be in. */
function* rows(): Generator<Row> {
  for (const state of runStates) {
    for (const attempt of [1, 2]) {
      for (const agent of [null, 'A', 'B'] as const) {
        for (const store of ['s', 't']) {
          for (const flags of [0, 1, 2, 3]) {
            const isIndeterminate = state === 'indeterminate';
            yield {
              ...bornRow(store),
              state,
              attempt,
              agent,
              idempotent: flags & 1,
              cancel_requested_at: (flags & 2) === 0 ? null : 1,
              settled: isIndeterminate ? flags & 1 : 0,
              released_by: isIndeterminate && (flags & 2) !== 0 ? 'u' : null,
              last_wire_seq: flags & 1,
            };
          }
        }
      }
    }
  }
}

function dbOf(row: Row): Db {
  const agent: AgentRow = {
    status: 'active',
    session: 1,
    connected: true,
    incarnation: null,
    former: [],
    journalCounter: 0,
  };
  return {
    row,
    tombstone: false,
    agents: { A: agent, B: agent },
    incarnation: 's',
    earlier: [],
    authority: true,
    laterStarted: false,
    now: 0,
    pruned: false,
  };
}

const of = { attempt: 1, agent: 'A' } as const;
const reporting = { ...of, expected: 0, seq: 1 };
const told = { ...of, attempt: 2, incarnation: 'i', store: 's', to: 'running', seq: 0 } as const;

const onRuns: readonly Statement[] = [
  { name: 'offer', ...of, session: 1, store: 's' },
  { name: 'offer', ...of, session: 2, store: 's' },
  { name: 'accept', ...of, incarnation: 'i' },
  { name: 'inherit', ...of, incarnation: 'i' },
  { name: 'adopt', ...of, store: 's' },
  { name: 'requeue', attempt: 1, excluded: '{}' },
  { name: 'retry', ...of },
  ...runStates.map((from) => ({ name: 'conclude', attempt: 1, from, to: 'indeterminate' }) as const),
  ...runStates.map((from) => ({ name: 'cancel', attempt: 1, from }) as const),
  { name: 'requestCancel', attempt: 1 },
  { name: 'release', attempt: 1 },
  { name: 'report', ...reporting },
  { name: 'end', ...reporting, to: 'succeeded' },
  { name: 'settle', ...reporting, to: 'succeeded' },
  { name: 'evidence', ...reporting },
  { name: 'skip', ...of, seq: 1 },
  ...runStates.map((from) => ({ name: 'advance', ...told, from, fromAttempt: 1, settled: 0 }) as const),
  { name: 'takeBack', agent: 'A' },
  { name: 'giveUp', agent: 'A' },
];

const columns = [
  'state',
  'attempt',
  'agent',
  'idempotent',
  'settled',
  'released_by',
  'store_incarnation',
  'last_wire_seq',
  'excluded_agents',
] as const;

/** The real statement; `stage` gives the ids that the letters of the model stand for. */
function realStep({ world, agents, group }: Stage, run: string, statement: Statement): Step {
  const { sql } = world.parts;
  const at = { run, attempt: 'attempt' in statement ? statement.attempt : 0 };
  const agent = 'agent' in statement ? agents[statement.agent].id : '';
  const by = { by: 'u', reason: null };
  switch (statement.name) {
    case 'offer': {
      const { session, store: incarnation } = statement;
      return sql.offer({
        ...at,
        agent,
        session,
        leaseMs: 1,
        incarnation,
        group,
        operation: 'deploy',
        limit: -1,
      });
    }
    case 'accept':
      return sql.accept({ ...at, agent, session: 1, incarnation: statement.incarnation });
    case 'inherit':
      return sql.inherit({ ...at, agent, session: 1, incarnation: statement.incarnation });
    case 'adopt':
      return sql.adopt({ ...at, agent, session: 1, incarnation: statement.store });
    case 'requeue':
      return sql.requeue({ ...at, lapsed: 0, excluded: statement.excluded });
    case 'retry':
      return sql.retry({ ...at, lapsed: 0, excluded: '{}', agent });
    case 'conclude':
      return sql.conclude({ ...at, from: statement.from, to: statement.to, code: '', message: '' });
    case 'cancel':
      return sql.cancel({ ...at, ...by, from: statement.from, code: '', message: '' });
    case 'requestCancel':
      return sql.requestCancel({ ...at, ...by });
    case 'release':
      return sql.release({ ...at, by: 'u' });
    case 'report': {
      const { expected, seq } = statement;
      return sql.report({ ...at, agent, events: 0, expected, seq });
    }
    case 'end':
    case 'settle': {
      const { expected, seq, to } = statement;
      const values = { ...at, agent, events: 0, expected, seq, to, outcome: '{}', code: null, message: null };
      return statement.name === 'end' ? sql.end(values) : sql.settle(values);
    }
    case 'evidence': {
      const { expected, seq } = statement;
      return sql.evidence({ ...at, agent, events: 0, expected, seq, outcome: '{}' });
    }
    case 'skip':
      return sql.skip({ ...at, agent, seq: statement.seq, events: 0 });
    case 'advance': {
      const { from, fromAttempt, settled, to, store, seq, incarnation: agentIncarnation } = statement;
      const times = { offeredAt: 0, startedAt: null, endedAt: null };
      const said = { outcome: null, code: null, message: null, rebuilt: '{}', events: 0 };
      return sql.advance({
        ...{ ...at, ...times, ...said },
        ...{ agent, session: 1, agentIncarnation, store, to, seq, from, fromAttempt, settled },
      });
    }
    default:
      throw new Error(`${statement.name} is not about one run`);
  }
}

describe('statements about runs', () => {
  it('touch the same rows as their models, and leave the same in them', { timeout: 120_000 }, async () => {
    const at = await stage();
    const { world, agents, template } = at;
    for (const { id } of Object.values(agents))
      await world.sql('update agents set session = 1 where id = ?', id);
    const cases = [...rows()];
    const idOf = (name: string | null): string | null =>
      name === null ? null : agents[name as AgentName].id;
    const differences: string[] = [];
    let touched = 0;
    for (const row of cases) {
      const steps: Step[] = [];
      const expected: { readonly statement: Statement; readonly after: Db | null }[] = [];
      for (const statement of onRuns) {
        const isBulk = statement.name === 'takeBack' || statement.name === 'giveUp';
        const db = dbOf(row);
        expected.push({ statement, after: applyStatement(db, statement, rules) });
        const set = world.store.db
          .updateTable('runs')
          .set({
            state: row.state,
            attempt: row.attempt,
            agent: idOf(row.agent),
            idempotent: row.idempotent,
            settled: row.settled,
            released_by: row.released_by,
            store_incarnation: row.store_incarnation,
            cancel_requested_at: row.cancel_requested_at,
            last_wire_seq: row.last_wire_seq,
            excluded_agents: '{}',
          })
          .where('id', '=', template)
          .compile();
        const real = isBulk ? bulk(at, statement.name, statement.agent) : realStep(at, template, statement);
        const read = world.store.db
          .selectFrom('runs')
          .select([...columns])
          .where('id', '=', template)
          .compile();
        steps.push({ query: set }, { query: real.query }, { query: read });
      }
      const results = await world.store.write(steps);
      expected.forEach(({ statement, after }, index) => {
        const real = results[index * 3 + 2]?.rows[0] ?? {};
        const changes = results[index * 3 + 1]?.changes ?? 0;
        const model = after?.row ?? row;
        if (changes > 0) touched += 1;
        const isSame = columns.every((column) => {
          const value = column === 'agent' ? idOf(model.agent) : model[column];
          return column === 'released_by'
            ? (real[column] === null) === (value === null)
            : real[column] === value;
        });
        if (isSame && changes > 0 === (after !== null)) return;
        differences.push(`${JSON.stringify(statement)} on ${row.state}/${row.attempt}/${row.agent ?? '-'}`);
      });
    }
    expect(differences).toEqual([]);
    expect(touched, 'what never touches anything proves nothing').toBeGreaterThan(500);
  });
});

/** `revoke` is four statements: two tell, two change. */
function bulk({ world, agents }: Stage, name: 'takeBack' | 'giveUp', agent: AgentName): Step {
  const steps = world.parts.sql.revoke({
    agent: agents[agent].id,
    code: '',
    message: '',
    queued: '{}',
    indeterminate: '{}',
  });
  const step = steps[name === 'takeBack' ? 1 : 3];
  if (step === undefined) throw new Error('a revocation changes two things');
  return step;
}

describe('statements about agents', () => {
  it('touch the same rows as their models', async () => {
    const { world, agents } = await stage();
    const { id } = agents.A;
    const organization = world.authority.policy().organization.id;
    const { project } = world;
    const at = { agentId: id, session: 1 };
    const hello = {
      ...{
        incarnation: 'i',
        journal_counter: 1,
        version: 'v',
        concurrency: 1,
        shares_user: 0,
        load_errors: '[]',
      },
    };
    const pairs: readonly (readonly [Statement, Step])[] = [
      [{ name: 'session', agent: 'A', session: 1 }, sessionGuard(world.store, at)],
      [{ name: 'session', agent: 'A', session: 1 }, world.parts.sql.session({ agent: id, session: 1 })],
      [
        { name: 'beginSession', agent: 'A' },
        beginSession(world.store, { id, organization, project, generation: 1, server: 'server-1' }),
      ],
      [{ name: 'endSession', agent: 'A', session: 1 }, endSession(world.store, at)],
      [
        { name: 'updateHello', agent: 'A', session: 1, incarnation: 'i', former: [], journalCounter: 1 },
        updateHello(world.store, at, hello),
      ],
      [{ name: 'revokeAgent', agent: 'A' }, revoke(world.store, id)],
      [{ name: 'quarantine', agent: 'A' }, quarantine(world.store, id)],
    ];
    const differences: string[] = [];
    for (const status of ['active', 'quarantined', 'revoked'] as const) {
      for (const session of [1, 2]) {
        for (const journalCounter of [0, 1, 2]) {
          for (const connected of [true, false]) {
            for (const [statement, step] of pairs) {
              await world.sql(
                'update agents set status = ?, session = ?, journal_counter = ?, connected_at = 1, disconnected_at = ? where id = ?',
                ...[status, session, journalCounter, connected ? null : 1, id],
              );
              const agent = { status, session, connected, incarnation: null, former: [], journalCounter };
              const db = { ...dbOf(bornRow('s')), agents: { A: agent, B: agent } };
              const model = applyStatement(db, statement, rules);
              const [result] = await world.store.write([{ query: step.query }]);
              const touches = Math.max(result?.changes ?? 0, result?.rows.length ?? 0) > 0;
              if (touches !== (model !== null))
                differences.push(`${statement.name} on ${JSON.stringify(agent)}`);
            }
          }
        }
      }
    }
    expect(differences).toEqual([]);
  });
});
