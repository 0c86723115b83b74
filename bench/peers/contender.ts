// What the systems that are measured side by side have in common, and the callers that all of them are given.

export interface Contender extends AsyncDisposable {
  /** What is true when a caller is told that its work was taken, and when work counts as done. */
  readonly acknowledges: string;
  /** Starts of which one costs seconds are measured this many times less often. */
  readonly slow?: boolean;
  /**
   * Ms from the moment at which a caller hands work in until its execution has begun, each time with nothing else under
   * way.
   */
  starts(count: number): Promise<readonly number[]>;
  /** Resolves when that much work was handed in one by one by many callers at once, and all of it is done for good. */
  flow(count: number): Promise<void>;
  /** The same for work that was all there before any was begun; resolves with the ms of doing it. */
  drain?(count: number): Promise<number>;
}

export const callersAtOnce = 64;
/** Between two starts, so that nothing of the one before is still under way. */
export const restMs = 30;

/** `count` calls, `callersAtOnce` of them under way at any time. */
export async function callMany(count: number, call: () => Promise<unknown>): Promise<void> {
  let left = count;
  const caller = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: callersAtOnce }, caller));
}
