// What runs read of other nouns' tables: the definitions that a request is checked against, and what a connected
// agent may take. Read here because a run is decided on one snapshot of all of it; written only by their nouns.
import { compileOnce } from '../store/step.ts';
import type { Store } from '../store/store.ts';

export interface AdvertisedDefinition {
  readonly agent: string;
  readonly digest: string;
  /** JSON Schema as text; null where the action declares no inputs. */
  readonly inputs: string | null;
  readonly timeout_ms: number;
  readonly idempotent: number;
  readonly advertised_at: number;
}

/** What a request for one operation of a group is decided on. */
export interface OperationFacts {
  readonly group: { readonly name: string; readonly pinned: boolean };
  readonly definitions: readonly AdvertisedDefinition[];
  /** Digests that a person accepted; they count in a pinned group. */
  readonly accepted: ReadonlySet<string>;
  /** Inputs that were ever advertised as sensitive (rules.md 19). */
  readonly sensitive: ReadonlySet<string>;
}

export interface SeatRows {
  readonly name: string;
  readonly sealingKey: string;
  readonly groups: ReadonlyMap<string, string>;
  readonly definitions: readonly {
    readonly group_id: string;
    readonly operation: string;
    readonly digest: string;
    readonly concurrency: number | null;
    readonly token: number;
  }[];
}

export interface Neighbours {
  /** Null where there is no such group. */
  operation(of: { readonly group: string; readonly operation: string }): Promise<OperationFacts | null>;
  /** Null where there is no such agent, or it may not be here. */
  seat(agent: string): Promise<SeatRows | null>;
}

export function neighboursOf(store: Store): Neighbours {
  const operation = operationQueries(store);
  const seat = seatQueries(store);
  return {
    async operation(of) {
      const [groups, definitions, accepted, sensitive] = (await store.glance([
        operation.group({ group: of.group }),
        operation.definitions(of),
        operation.accepted(of),
        operation.sensitive(of),
      ])) as unknown as [
        { name: string; pinned: number }[],
        AdvertisedDefinition[],
        { digest: string }[],
        { input: string }[],
      ];
      const [group] = groups;
      if (group === undefined) return null;
      return {
        group: { name: group.name, pinned: group.pinned === 1 },
        definitions,
        accepted: new Set(accepted.map(({ digest }) => digest)),
        sensitive: new Set(sensitive.map(({ input }) => input)),
      };
    },
    async seat(agent) {
      const [agents, groups, definitions] = (await store.snapshot([
        seat.agent({ agent }),
        seat.groups({ agent }),
        seat.definitions({ agent }),
      ])) as unknown as [
        { name: string; sealing_key: string }[],
        { id: string; name: string }[],
        SeatRows['definitions'],
      ];
      const [row] = agents;
      if (row === undefined) return null;
      return {
        name: row.name,
        sealingKey: row.sealing_key,
        groups: new Map(groups.map(({ id, name }) => [id, name])),
        definitions,
      };
    },
  };
}

function operationQueries({ db }: Store) {
  const of = { group: '', operation: '' };
  return {
    group: compileOnce({ group: '' }, (p) =>
      db.selectFrom('groups').select(['name', 'pinned']).where('id', '=', p.group),
    ),
    definitions: compileOnce(of, (p) =>
      db
        .selectFrom('definitions')
        .innerJoin('agents', 'agents.id', 'definitions.agent')
        .select([
          'definitions.agent',
          'definitions.digest',
          'definitions.inputs',
          'definitions.timeout_ms',
          'definitions.idempotent',
          'definitions.advertised_at',
        ])
        .where('definitions.group_id', '=', p.group)
        .where('definitions.operation', '=', p.operation)
        .where('agents.status', '=', 'active'),
    ),
    accepted: compileOnce(of, (p) =>
      db
        .selectFrom('accepted_definitions')
        .select('digest')
        .where('group_id', '=', p.group)
        .where('operation', '=', p.operation),
    ),
    sensitive: compileOnce(of, (p) =>
      db
        .selectFrom('sensitive_inputs')
        .select('input')
        .where('group_id', '=', p.group)
        .where('operation', '=', p.operation),
    ),
  };
}

function seatQueries({ db }: Store) {
  const of = { agent: '' };
  return {
    agent: compileOnce(of, (p) =>
      db
        .selectFrom('agents')
        .select(['name', 'sealing_key'])
        .where('id', '=', p.agent)
        .where('status', '=', 'active'),
    ),
    groups: compileOnce(of, (p) =>
      db
        .selectFrom('agent_groups')
        .innerJoin('groups', 'groups.id', 'agent_groups.group_id')
        .select(['groups.id', 'groups.name'])
        .where('agent_groups.agent', '=', p.agent),
    ),
    definitions: compileOnce(of, (p) =>
      db
        .selectFrom('definitions')
        .select(['group_id', 'operation', 'digest', 'concurrency', 'token'])
        .where('agent', '=', p.agent),
    ),
  };
}
