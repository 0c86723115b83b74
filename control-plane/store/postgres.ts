// The store over PostgreSQL, for several control planes at a time: one connection that writes with group commit, some
// that read, one that listens for hints. The same queries and migrations as the embedded store (sqlite.ts).
import { Kysely } from 'kysely';
import type { CompiledQuery } from 'kysely';
import { copyToFile } from './move/copy-to-file.ts';
import { durabilityWarnings } from './postgres/check-durability.ts';
import type { UniqueIndexes } from './postgres/failure.ts';
import { openHints } from './postgres/hints.ts';
import { settleIncarnation } from './postgres/incarnation.ts';
import { connectAtStart, Line, refusalOf } from './postgres/line.ts';
import type { LineOptions } from './postgres/line.ts';
import type { Link } from './postgres/link.ts';
import {
  assertHere,
  joinControlPlanes,
  makeTestClock,
  prepareDatabase,
  readUniqueIndexes,
} from './postgres/prepare-database.ts';
import { openReads } from './postgres/reads.ts';
import type { PostgresSettings } from './postgres/settings.ts';
import { Writer } from './postgres/writer.ts';
import { readDialect } from './read-dialect.ts';
import type { Database } from './schema.ts';
import type { Store, StoreCommit } from './store.ts';

export interface PostgresStoreOptions {
  readonly settings: PostgresSettings;
  /** Replaces the database's own clock (epoch ms), so that a test moves time instead of waiting. */
  readonly clock?: () => number;
  /** Fixed when the database is first made; left out, a random one is chosen then. */
  readonly trustDomain?: string;
  /** What an operator should know: warnings at start, connections that were lost. */
  readonly report?: (message: string, cause: Error | null) => void;
  /** The database was failed over or brought back while this process ran (rules.md 12). */
  readonly onIncarnation?: (incarnation: string) => void;
  readonly onCommit?: (commit: StoreCommit) => void;
}

/**
 * Opens the store and migrates its database where that is needed. Throws `store_unavailable`, `store_newer`,
 * `invalid_configuration` or `store_failed`, each with what to do.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<Store> {
  const { settings } = options;
  const identity = await prepare(options, options.clock !== undefined);
  const state = { incarnation: identity.incarnation };
  const { lines, writing, listening, reading, hints } = openLines(options, state);
  const clock = options.clock ?? null;
  const writer = new Writer({
    line: writing,
    indexes: () => identity.indexes,
    clock,
    ...(options.onCommit === undefined ? {} : { onCommit: options.onCommit }),
  });
  const reads = openReads(reading, clock);
  try {
    await Promise.all([writing.link(), listening.link()]);
  } catch (cause) {
    await Promise.all(lines.map((each) => each.close()));
    throw cause;
  }
  const snapshot: Store['snapshot'] = (queries) => reads.snapshot(queries);
  const read = async <Row>(query: CompiledQuery<Row>) => {
    const [rows] = await reads.snapshot([query]);
    return (rows ?? []) as readonly Row[];
  };
  const close = async () => {
    await writer.close();
    hints.close();
    await Promise.all(lines.map((each) => each.close()));
  };
  let closed: Promise<void> | null = null;
  return {
    engine: 'postgres',
    db: new Kysely<Database>({
      dialect: readDialect('postgres', (query) => read(query as CompiledQuery<Record<string, unknown>>)),
    }),
    get incarnation() {
      return state.incarnation;
    },
    trustDomain: identity.trustDomain,
    read,
    snapshot,
    glance: snapshot,
    write: async (unit) => writer.write(unit),
    hint: hints.hint,
    onHint: hints.onHint,
    backup: (path) => copyStore(settings, path),
    close: () => (closed ??= close()),
  };
}

/** Every connection that the store keeps; where one could be opened again, the others try at once. */
function openLines(options: PostgresStoreOptions, state: { incarnation: string }) {
  const { settings, report = () => undefined } = options;
  const shared = { settings, movesTime: options.clock !== undefined, report };
  const lines: Line[] = [];
  const opened = () => {
    for (const each of lines) each.nudge();
  };
  const line = (more: Pick<LineOptions, 'purpose' | 'prepare'>) => {
    const made = new Line({ ...shared, opened, ...more });
    lines.push(made);
    return made;
  };
  const settle = async (link: Link) => {
    await joinControlPlanes(link);
    // A move asks only those who are connected: whoever lost the connection just then finds out here.
    await assertHere(link);
    const settled = await settleIncarnation(link);
    if (settled.incarnation === state.incarnation) return;
    state.incarnation = settled.incarnation;
    report('the database was failed over or brought back; what was committed last may be gone', null);
    options.onIncarnation?.(settled.incarnation);
  };
  const writing = line({ purpose: 'write', prepare: settle });
  const hints = openHints(() => listening);
  const listening = line({ purpose: 'listen', prepare: (link) => hints.attach(link) });
  const reading = Array.from({ length: settings.connections - 2 }, () => line({ purpose: 'read' }));
  return { lines, writing, listening, reading, hints };
}

interface Prepared {
  readonly incarnation: string;
  readonly trustDomain: string;
  readonly indexes: UniqueIndexes;
}

/** Into a file of SQLite, which restores as one and moves back with `wayside store import`. */
async function copyStore(settings: PostgresSettings, path: string): Promise<void> {
  const link = await connectAtStart({ settings, purpose: 'copy', movesTime: false });
  try {
    await copyToFile(link, path);
  } catch (cause) {
    throw refusalOf(cause);
  } finally {
    await link.close().catch(() => undefined);
  }
}

/** On a connection of its own, so that a start fails with what is wrong and not with a timeout. */
async function prepare(options: PostgresStoreOptions, movesTime: boolean): Promise<Prepared> {
  const { settings, report } = options;
  const link = await connectAtStart({ settings, purpose: 'copy', movesTime });
  try {
    if (movesTime) {
      await makeTestClock(link);
      await link.send(`select set_config('wayside.now', $1, false)`, [String(options.clock?.())]);
    }
    await joinControlPlanes(link);
    const { trustDomain } = await prepareDatabase(link, options.trustDomain ?? null);
    const { incarnation, isNew, isWatched } = await settleIncarnation(link);
    if (isNew) report?.('the database was failed over or brought back since it was last used', null);
    if (!isWatched)
      report?.('the database does not tell its timeline: a rollback of it would pass unseen', null);
    for (const warning of await durabilityWarnings(link)) report?.(warning, null);
    return { incarnation, trustDomain, indexes: await readUniqueIndexes(link) };
  } catch (cause) {
    throw refusalOf(cause);
  } finally {
    await link.close().catch(() => undefined);
  }
}
