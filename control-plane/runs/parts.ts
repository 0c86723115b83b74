// Everything that the verbs of a run work with, put together once by open.ts.
import type { RunBus } from './bus.ts';
import type { RunsDeps, Seat } from './contract.ts';
import type { StoreLives } from './lives.ts';
import type { Neighbours } from './neighbours.ts';
import type { Seats } from './seats.ts';
import type { RunStatements } from './store.ts';
import type { RunQueries } from './store-read.ts';

export interface RunParts extends RunsDeps {
  readonly sql: RunStatements;
  readonly reads: RunQueries;
  readonly neighbours: Neighbours;
  readonly seats: Seats;
  readonly bus: RunBus;
  /** Of the store before this one; intents of these may be shown (rules.md 12). */
  readonly lives: () => Promise<StoreLives>;
  /** When this process began to serve, epoch ms. */
  readonly startedAt: number;
  /** The same as `wake`, told to the other control planes too: for what was committed. */
  readonly queued: (group: string) => void;
  /** A run in the agent's hands was changed: where it is connected elsewhere, that process is told. */
  readonly heldChanged: (agent: string) => void;
  /** Says that something may be claimed in that group now; costs nothing where nothing is. */
  readonly wake: (group: string) => void;
  /** An agent has slots: what waits in its groups may go to it. */
  readonly slotsGranted: (seat: Seat) => void;
  /** A run has left an agent's hands; what waits for a slot may have it. */
  readonly letGo: (run: { readonly id: string; readonly agent: string }) => void;
  /** Goes on without anybody waiting; a failure is reported. */
  readonly background: (work: Promise<void>) => void;
  /** True while nothing may be dispatched, because the database was rolled back (rules.md 12). */
  readonly isHeld: () => boolean;
}
