// What other control planes tell about runs, and the floor under it: everything that a lost hint would have said is
// found by looking, once in a while.
import { listOf } from './lists.ts';
import { readTopic, topicOf } from '../store/hints.ts';
import { checkSeats } from './check-seats.ts';
import type { RunParts } from './parts.ts';

export interface OthersFollower {
  /** Belongs into each sweep; `beat` counts them. */
  sweep(beat: number): Promise<void>;
  stop(): void;
}

/** Sweeps between two looks at what is in hand, and between two times that others are asked about watched runs. */
const seatsEvery = 5;
const askEvery = 10;

/** `wakeWaiting` wakes every group that has something queued. */
export function followOthers(parts: RunParts, wakeWaiting: () => Promise<void>): OthersFollower {
  const lastSeen = new Map<string, number>();
  const look = (work: Promise<void>): void => {
    const message = 'what another control plane told could not be looked at; the sweep does';
    parts.background(work.catch((cause: unknown) => parts.report({ kind: 'sweep_failed', message, cause })));
  };
  const stop = parts.store.onHint((topic) => {
    if (topic === null) return lookAtAll();
    const hint = readTopic(topic);
    switch (hint?.kind) {
      case 'queued':
        if (parts.seats.serving(hint.id).length > 0) parts.wake(hint.id);
        return;
      case 'held': {
        const seat = parts.seats.ofAgent(hint.id);
        if (seat !== null) look(checkSeats(parts, [seat], { hinted: true }));
        return;
      }
      case 'events':
        return parts.bus.look(hint.id);
      case 'watch':
        return parts.bus.interested(hint.id);
      default:
        return;
    }
  });
  const lookAtAll = (): void => {
    ask();
    for (const run of parts.bus.watched()) parts.bus.look(run);
    look(checkSeats(parts, parts.seats.all(), { hinted: true }));
    look(wakeWaiting());
  };
  const ask = (): void => {
    for (const run of parts.bus.watched()) parts.store.hint(topicOf('watch', run));
  };
  /** Watchers whose run has moved without a word. */
  const lookAtWatched = async (): Promise<void> => {
    const watched = parts.bus.watched();
    for (const run of lastSeen.keys()) if (!parts.bus.isWatched(run)) lastSeen.delete(run);
    if (watched.length === 0) return;
    for (const { id, last_event: last } of await parts.store.read(
      parts.reads.lastEvents({ runs: listOf(watched) }),
    )) {
      if (lastSeen.get(id) !== last) parts.bus.look(id);
      lastSeen.set(id, last);
    }
  };
  return {
    async sweep(beat) {
      // Where there is one process at a time nothing is done by others.
      if (parts.store.engine === 'sqlite') return;
      if (beat % askEvery === 0) ask();
      await lookAtWatched();
      if (beat % seatsEvery === 0) await checkSeats(parts, parts.seats.all(), { hinted: false });
    },
    stop,
  };
}
