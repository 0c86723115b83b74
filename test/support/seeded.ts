// Chance that can be repeated: the seed is printed, and WAYSIDE_SEED brings the same numbers back.

export interface Seeded {
  readonly seed: number;
  /** A number from 0 up to 1, not 1. */
  next(): number;
  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number;
  pick<T>(from: readonly T[]): T;
}

export function seeded(
  seed = Number(process.env['WAYSIDE_SEED'] ?? Math.floor(Math.random() * 2 ** 31)),
): Seeded {
  let state = seed >>> 0;
  // mulberry32, by Tommy Ettinger, in the public domain: enough for choosing moments.
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    seed,
    next,
    between,
    pick: (from) => {
      const chosen = from[between(0, from.length - 1)];
      if (chosen === undefined) throw new Error('there is nothing to pick from');
      return chosen;
    },
  };
}
