// Agents as people see them: one by id or name, or a page of a project's.
import type { z } from 'zod';
import { z as zod } from 'zod';
import type { Agent, agentPageSchema } from '../../protocol/api/operations.ts';
import type { PageQuery } from '../../protocol/api/page.ts';
import { Failure } from '../../protocol/failures.ts';
import { parseJson } from '../../protocol/json.ts';
import { decodeCursor, toPage } from '../http/page.ts';
import type { Store } from '../store/store.ts';
import { selectAgent, selectAgents, selectGroupsOf } from './store.ts';
import type { AgentRow, GroupOfAgent } from './store.ts';

const errorsSchema = zod.array(zod.string());

/** Throws `not_found` with what to do. */
export async function readAgent(store: Store, project: string, reference: string): Promise<AgentRow> {
  const [row] = await store.read(selectAgent(store, project, reference));
  if (row === undefined) {
    throw new Failure(
      'not_found',
      `There is no agent ${reference} in this project; \`wayside agent list\` shows them.`,
    );
  }
  return row;
}

/** The groups that the agent may serve. */
export function groupsOfAgent(store: Store, agent: string): Promise<readonly GroupOfAgent[]> {
  return store.read(selectGroupsOf(store, [agent]));
}

/** Throws `not_found`. */
export async function showAgent(store: Store, project: string, reference: string): Promise<Agent> {
  const row = await readAgent(store, project, reference);
  return agentView(row, await groupsOfAgent(store, row.id));
}

/** Newest first. Throws `invalid_cursor`. */
export async function listAgents(
  store: Store,
  project: string,
  page: PageQuery,
): Promise<z.output<typeof agentPageSchema>> {
  const after = decodeCursor(page.cursor);
  const rows = await store.read(selectAgents(store, { project, after, limit: page.limit }));
  const groups =
    rows.length === 0
      ? []
      : await store.read(
          selectGroupsOf(
            store,
            rows.map((row) => row.id),
          ),
        );
  return toPage(rows, page.limit, {
    key: (row) => row.id,
    item: (row) =>
      agentView(
        row,
        groups.filter((group) => group.agent === row.id),
      ),
  });
}

export function agentView(row: AgentRow, groups: readonly Pick<GroupOfAgent, 'name'>[]): Agent {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    groups: groups.map((group) => group.name),
    status: statusOf(row),
    version: row.version,
    concurrency: row.concurrency,
    running: Number(row.running),
    shares_user: row.shares_user === null ? null : row.shares_user === 1,
    load_errors: errorsSchema.parse(parseJson(row.load_errors)),
    certificate_not_after: row.certificate_not_after,
    key_fingerprint: row.key_fingerprint,
    created_at: row.created_at,
    connected_at: row.connected_at,
    last_seen_at: row.last_seen_at,
    revoked_at: row.revoked_at,
    revision: row.revision,
  };
}

/** An agent that has left counts as offline, whether it was draining or not. */
function statusOf(row: AgentRow): Agent['status'] {
  if (row.status !== 'active') return row.status;
  if (row.connected_at === null || row.disconnected_at !== null) return 'offline';
  return row.draining === 1 ? 'draining' : 'online';
}
