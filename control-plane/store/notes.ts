// What happened to the store while no control plane ran: kept in it as a note, and told to the audit trail by the next
// start. What is in the trail of its own accord needs no note.
import { z } from 'zod';

/** Row of store_meta after the data came from the other engine. */
export const moveMeta = 'move';

export const moveSchema = z.object({
  from: z.enum(['sqlite', 'postgres']),
  to: z.enum(['sqlite', 'postgres']),
  /** Epoch ms. */
  moved_at: z.int(),
  /** Rows and what they hash to, of each table, the same on both sides. */
  tables: z.array(z.object({ table: z.string(), rows: z.int(), digest: z.string() })),
});
export type Move = z.infer<typeof moveSchema>;

/** Row of store_meta after PostgreSQL was failed over or brought back. */
export const failoverMeta = 'failover';

export const failoverSchema = z.object({
  /** Epoch ms. */
  noticed_at: z.int(),
  from_incarnation: z.string(),
  to_incarnation: z.string(),
  /** The cluster, its timeline and the database, before and after. */
  from_cluster: z.string(),
  to_cluster: z.string(),
});

export type Failover = z.infer<typeof failoverSchema>;

/** Row of store_meta in data that has moved away: where to. */
export const movedAwayMeta = 'moved_away';

/** Rows of store_meta that belong to the place and not to the data. */
export const placeMeta = ['cluster', movedAwayMeta, moveMeta] as const;

/** The sentence for whoever opens data that has moved away. */
export function movedAwaySentence(value: string): string {
  return (
    `This data has moved to ${value}, and what happened since is there only. Point the server at it. ` +
    'Where that is lost, restore a backup.'
  );
}
