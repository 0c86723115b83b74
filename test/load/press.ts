// What the tests of load measure of a run, by the public API alone.
import type { Run } from '../../protocol/api/runs.ts';

/** How long after it was accepted it began, in ms, by the clock of the database. */
export function beginMs({ queued_at, started_at, id }: Run): number {
  if (started_at === null) throw new Error(`run ${id} has not begun`);
  return started_at - queued_at;
}

/** An agent file with one action `note` that costs nothing: what is measured is the way to it. */
export function statusFile(group: string, concurrency = 8): string {
  return `
    agent {
      concurrency = ${concurrency}
    }
    group "${group}" {
      action "note" {
        operation {
          status {
            message = "here"
          }
        }
      }
    }
  `;
}
