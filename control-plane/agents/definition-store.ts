// The SQL of what agents advertise: definitions, inputs that were ever sensitive, digests that a person accepted.
import { sql } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { nowMs } from '../store/dialect.ts';
import type { DefinitionsTable, SensitiveInputsTable } from '../store/schema.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';

export type DefinitionColumns = Omit<DefinitionsTable, 'agent' | 'advertised_at'>;

/** Rows of one statement; a statement binds twelve values for each. */
const rowsMax = 200;

export function selectDefinitionsOf(store: Store, agent: string): CompiledQuery<DefinitionsTable> {
  return store.db.selectFrom('definitions').selectAll().where('agent', '=', agent).compile();
}

/** Definitions that are new or another than before. `advertised_at` tells since when the agent has this one. */
export function upsertDefinitions(
  store: Store,
  agent: string,
  definitions: readonly DefinitionColumns[],
): readonly Step[] {
  const advertised_at = nowMs(store.engine);
  return piecesOf(definitions).map((rows) =>
    step(
      store.db
        .insertInto('definitions')
        .values(rows.map((row) => ({ ...row, agent, advertised_at })))
        .onConflict((conflict) =>
          conflict.columns(['agent', 'group_id', 'operation']).doUpdateSet((e) => ({
            digest: e.ref('excluded.digest'),
            description: e.ref('excluded.description'),
            inputs: e.ref('excluded.inputs'),
            timeout_ms: e.ref('excluded.timeout_ms'),
            idempotent: e.ref('excluded.idempotent'),
            concurrency: e.ref('excluded.concurrency'),
            compatibility: e.ref('excluded.compatibility'),
            token: e.ref('excluded.token'),
            advertised_at: e.ref('excluded.advertised_at'),
          })),
        ),
    ),
  );
}

export function deleteDefinition(
  store: Store,
  definition: Pick<DefinitionsTable, 'agent' | 'group_id' | 'operation'>,
): Step {
  return step(
    store.db
      .deleteFrom('definitions')
      .where('agent', '=', definition.agent)
      .where('group_id', '=', definition.group_id)
      .where('operation', '=', definition.operation),
  );
}

/** Never deleted: sensitivity does not relax by advertisement (rules.md 19). */
export function insertSensitiveInputs(
  store: Store,
  inputs: readonly SensitiveInputsTable[],
): readonly Step[] {
  return piecesOf(inputs).map((rows) =>
    step(
      store.db
        .insertInto('sensitive_inputs')
        .values([...rows])
        .onConflict((conflict) => conflict.doNothing()),
    ),
  );
}

export interface AdvertisedRow extends DefinitionsTable {
  readonly online: number;
}

/** What the active agents of a group advertise: online first, then the newest. */
export function selectAdvertised(store: Store, group: string): CompiledQuery<AdvertisedRow> {
  return store.db
    .selectFrom('definitions')
    .innerJoin('agents', 'agents.id', 'definitions.agent')
    .selectAll('definitions')
    .select(
      sql<number>`case when agents.connected_at is not null and agents.disconnected_at is null then 1 else 0 end`.as(
        'online',
      ),
    )
    .where('definitions.group_id', '=', group)
    .where('agents.status', '=', 'active')
    .orderBy('online', 'desc')
    .orderBy('definitions.advertised_at', 'desc')
    .orderBy('definitions.agent')
    .compile();
}

export function selectSensitiveInputs(
  store: Store,
  group: string,
): CompiledQuery<{ operation: string; input: string }> {
  return store.db
    .selectFrom('sensitive_inputs')
    .select(['operation', 'input'])
    .where('group_id', '=', group)
    .compile();
}

export function selectAccepted(
  store: Store,
  group: string,
): CompiledQuery<{ operation: string; digest: string }> {
  return store.db
    .selectFrom('accepted_definitions')
    .select(['operation', 'digest'])
    .where('group_id', '=', group)
    .compile();
}

export function selectActionNames(
  store: Store,
  group: string,
): CompiledQuery<{ operation: string; name: string }> {
  return store.db
    .selectFrom('actions')
    .select(['operation', 'name'])
    .where('group_id', '=', group)
    .orderBy('id', 'desc')
    .compile();
}

function piecesOf<Row>(rows: readonly Row[]): (readonly Row[])[] {
  const pieces: (readonly Row[])[] = [];
  for (let start = 0; start < rows.length; start += rowsMax) pieces.push(rows.slice(start, start + rowsMax));
  return pieces;
}
