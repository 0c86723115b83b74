// Writes down what an agent would have advertised, for tests that need a definition but no agent: it is offline.
import { randomUUIDv7 } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export interface Advertised {
  readonly operation: string;
  /** JSON Schema of the inputs; null where there are none declared. */
  readonly inputs?: object | null;
  readonly description?: string;
  readonly digest?: string;
}

/** `group` is an id. Answers the id of the agent that it makes up. */
export function advertise(
  dataFolder: string,
  of: {
    readonly group: string;
    readonly agent?: string;
    readonly operations: readonly Advertised[];
  },
): string {
  const database = new DatabaseSync(join(dataFolder, 'wayside.db'), { timeout: 5_000 });
  try {
    const group = database.prepare('select * from groups where id = ?').get(of.group);
    const project = database.prepare('select * from projects where id = ?').get(group?.['project'] ?? '');
    const id = randomUUIDv7();
    const now = Date.now();
    insert(database, 'agents', {
      id,
      organization: project?.['organization'],
      project: project?.['id'],
      name: of.agent ?? `agent-${id.slice(-12)}`,
      status: 'active',
      key_fingerprint: id,
      sealing_key: '{}',
      generation: 1,
      certificate_serial: id,
      certificate_not_after: now + 86_400_000,
      session: 0,
      journal_counter: 0,
      draining: 0,
      load_errors: '[]',
      created_at: now,
    });
    insert(database, 'agent_groups', { agent: id, group_id: of.group });
    for (const { operation, inputs, description, digest } of of.operations) {
      insert(database, 'definitions', {
        agent: id,
        group_id: of.group,
        operation,
        digest: digest ?? `sha256:${'0'.repeat(64)}`,
        description: description ?? '',
        inputs: inputs === undefined || inputs === null ? null : JSON.stringify(inputs),
        timeout_ms: 60_000,
        idempotent: 0,
        compatibility: 0,
        advertised_at: now,
      });
      for (const input of sensitiveOf(inputs)) {
        insert(database, 'sensitive_inputs', { group_id: of.group, operation, input });
      }
    }
    return id;
  } finally {
    database.close();
  }
}

function sensitiveOf(inputs: object | null | undefined): string[] {
  const { properties = {} } = (inputs ?? {}) as { properties?: Record<string, Record<string, unknown>> };
  return Object.entries(properties).flatMap(([name, property]) =>
    property['x-wayside-sensitive'] === true ? [name] : [],
  );
}

function insert(database: DatabaseSync, table: string, row: Record<string, unknown>): void {
  const names = Object.keys(row);
  database
    .prepare(`insert into ${table} (${names.join(', ')}) values (${names.map(() => '?').join(', ')})`)
    .run(...(Object.values(row) as (string | number | null)[]));
}
