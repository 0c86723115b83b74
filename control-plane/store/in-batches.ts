// Removes much in little pieces: nobody waits behind more than one of them, and between two of them the store belongs
// to everybody else.

export interface BatchClock {
  /** Calls `wake` once after `ms`; the answer cancels it. */
  after(ms: number, wake: () => void): () => void;
}

/** A piece is followed by a rest of so many times as long as it took: it may have a third of the writer's time. */
const restsPerPiece = 2;
const restMsMin = 5;
const restMsMax = 500;

/**
 * Performs `piece` until it says 0, resting after each; resolves with the sum. Ends early where `isOver` says so, and
 * gives up after `piecesMax`, for what is left waits for the next time.
 */
export async function inBatches(
  by: {
    readonly clock: BatchClock;
    /** A monotonic clock, ms. */
    readonly elapsed: () => number;
    readonly isOver?: () => boolean;
    readonly piecesMax?: number;
  },
  piece: () => Promise<number>,
): Promise<number> {
  const { clock, elapsed, isOver = () => false, piecesMax = Number.POSITIVE_INFINITY } = by;
  let sum = 0;
  for (let pieces = 0; pieces < piecesMax && !isOver(); pieces += 1) {
    const begun = elapsed();
    const removed = await piece();
    if (removed === 0) return sum;
    sum += removed;
    const ms = Math.min(restMsMax, Math.max(restMsMin, (elapsed() - begun) * restsPerPiece));
    await new Promise<void>((resolve) => void clock.after(ms, resolve));
  }
  return sum;
}
