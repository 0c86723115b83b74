// Reading: a few connections that cannot write. Several queries see one snapshot, and cost one trip together.
import type { CompiledQuery } from 'kysely';
import { Failure } from '../../../protocol/failures.ts';
import { storeRetriesMax } from '../../../protocol/limits.ts';
import { boundParameters } from '../bind.ts';
import { isAway, stateOf, toStoreFailure } from './failure.ts';
import type { Line } from './line.ts';
import type { Link } from './link.ts';

/** read_only_sql_transaction: of a connection that reads, so it is no sign of a standby. */
const writeRefused = '25006';

export type Rows = readonly Record<string, unknown>[];

export interface Reads {
  snapshot(queries: readonly CompiledQuery[]): Promise<readonly Rows[]>;
}

export function openReads(lines: readonly Line[], clock: (() => number) | null): Reads {
  return {
    snapshot: async (queries) => {
      const statements = queries.map((query) => ({ sql: query.sql, parameters: boundParameters(query) }));
      // A read that was cut off can be made again without harm.
      for (let tries = 1; ; tries += 1) {
        const link = await leastBusy(lines).link();
        try {
          return await readTogether(link, statements, clock?.() ?? null);
        } catch (cause) {
          if (stateOf(cause) === writeRefused)
            throw new Failure('store_failed', 'Reading cannot write.', { cause });
          if (!isAway(cause) || tries >= storeRetriesMax) throw toStoreFailure(cause, '', new Map());
          link.destroy();
        }
      }
    },
  };
}

interface Statement {
  readonly sql: string;
  readonly parameters: readonly unknown[];
}

async function readTogether(
  link: Link,
  statements: readonly Statement[],
  now: number | null,
): Promise<readonly Rows[]> {
  const [only] = statements;
  const [, results] = await Promise.all(
    link.together(() => {
      const clock =
        now === null ? null : link.send(`select set_config('wayside.now', $1, false)`, [String(now)]);
      if (only !== undefined && statements.length === 1)
        return [clock, Promise.all([link.send(only.sql, only.parameters)])];
      const begun = link.send('begin isolation level repeatable read read only');
      const answers = Promise.all(statements.map(({ sql, parameters }) => link.send(sql, parameters)));
      const ended = link.send('commit');
      return [Promise.all([clock, begun, ended]), answers];
    }) as readonly [Promise<unknown>, Promise<readonly { readonly rows: Rows }[]>],
  );
  return results.map(({ rows }) => rows);
}

/** One that is open and has nothing to do; else one that is not open yet; else the one with the least to do. */
function leastBusy(lines: readonly Line[]): Line {
  let best: Line | undefined;
  let least = Infinity;
  for (const line of lines) {
    const waiting = line.current === null ? 0.5 : line.current.waiting;
    if (waiting >= least) continue;
    best = line;
    least = waiting;
  }
  if (best === undefined) throw new Error('there is no connection to read from');
  return best;
}
