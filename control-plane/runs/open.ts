// Puts the path of a run together for one process: statements, seats, dispatcher, lanes, sweep. The only place where
// these are wired.
import { topicOf } from '../store/hints.ts';
import { GuardFailed } from '../store/store.ts';
import { openRunBus } from './bus.ts';
import { runsChannelHandlers } from './channel.ts';
import type { RunsChannelHandlers } from './channel.ts';
import type { RunsDeps } from './contract.ts';
import { Dispatcher } from './dispatch.ts';
import { openLanes } from './lanes.ts';
import { followOthers } from './follow-others.ts';
import { keepPruning } from './keep-pruning.ts';
import { livesOf, markSettled } from './lives.ts';
import { neighboursOf } from './neighbours.ts';
import type { RunParts } from './parts.ts';
import { graceIsOver, settleRolledBack, wasRolledBack } from './recover.ts';
import { Seats } from './seats.ts';
import { runStatements } from './store.ts';
import { runQueries } from './store-read.ts';
import { startSweep, sweepOnce, wakeWaiting } from './sweep.ts';

export interface Runs {
  /** What the verbs take as their first argument. */
  readonly parts: RunParts;
  readonly channel: RunsChannelHandlers;
  readonly dispatcher: Dispatcher;
  /** One sweep by hand; the timer does it once a second after `start`. */
  sweep(beat?: number): Promise<void>;
  /** Begins to sweep. */
  start(): void;
  /** Resolves when nothing is under way: no claim, no frame, no offer. */
  idle(): Promise<void>;
  /** Stops sweeping and claiming, and waits for what is under way. */
  close(): Promise<void>;
}

/** Reads whether the database was rolled back, and then claims nothing until that is settled (rules.md 12). */
export async function openRuns(deps: RunsDeps): Promise<Runs> {
  const background = new Set<Promise<void>>();
  const dispatcher = new Dispatcher((): RunParts => parts);
  const lanes = openLanes((): RunParts => parts);
  const parts = partsOf(deps, { dispatcher, seats: new Seats(), background });
  if (await wasRolledBack(parts)) dispatcher.hold();

  const others = followOthers(parts, () => wakeWaiting(parts));
  const sweep = async (beat: number): Promise<void> => {
    if (dispatcher.isHeld() && graceIsOver(parts)) {
      await settleRolledBack(parts);
      await parts.store.write([markSettled(parts.store)]);
      dispatcher.release();
    }
    await sweepOnce(parts, beat);
    await others.sweep(beat);
  };
  const idle = async (): Promise<void> => {
    await lanes.idle();
    await dispatcher.idle();
    while (background.size > 0) await Promise.all(background);
  };
  let stopSweep: () => Promise<void> = () => Promise.resolve();
  let stopPruning: () => Promise<void> = () => Promise.resolve();
  return {
    parts,
    channel: runsChannelHandlers(parts, lanes),
    dispatcher,
    sweep: (beat = 0) => sweep(beat),
    start() {
      stopSweep = startSweep(parts, sweep);
      stopPruning = keepPruning(parts);
    },
    idle,
    async close() {
      await Promise.all([stopSweep(), stopPruning()]);
      others.stop();
      dispatcher.close();
      await idle();
    },
  };
}

/** What the verbs work with, over what wakes and holds in this process. */
function partsOf(
  deps: RunsDeps,
  of: { readonly dispatcher: Dispatcher; readonly seats: Seats; readonly background: Set<Promise<void>> },
): RunParts {
  const { dispatcher, seats, background } = of;
  const parts: RunParts = {
    ...deps,
    sql: runStatements(deps.store),
    reads: runQueries(deps.store),
    neighbours: neighboursOf(deps.store),
    seats,
    bus: openRunBus({
      now: () => deps.clock.now(),
      tell: (run) => deps.store.hint(topicOf('events', run)),
      ask: (run) => deps.store.hint(topicOf('watch', run)),
    }),
    lives: livesOf(deps.store, deps.clock),
    startedAt: deps.clock.now(),
    wake: (group) => {
      dispatcher.wake(group);
    },
    slotsGranted: (seat) => {
      dispatcher.slotsGranted(seat);
    },
    queued: (group) => {
      dispatcher.wake(group);
      deps.store.hint(topicOf('queued', group));
    },
    heldChanged: (agent) => {
      if (seats.ofAgent(agent) === null) deps.store.hint(topicOf('held', agent));
    },
    letGo(run) {
      seats.release(run, deps.clock.now());
      const seat = seats.ofAgent(run.agent);
      if (seat !== null) dispatcher.slotsGranted(seat);
      else parts.heldChanged(run.agent);
    },
    background(work) {
      const tracked = work
        .catch((cause: unknown) => {
          if (cause instanceof GuardFailed) return;
          deps.report({ kind: 'offer_failed', message: 'an offer could not be given back', cause });
        })
        .finally(() => background.delete(tracked));
      background.add(tracked);
    },
    isHeld: () => dispatcher.isHeld(),
  };
  return parts;
}
