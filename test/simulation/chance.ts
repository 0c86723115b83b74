// The only source of chance in a simulation: numbers and ids that follow from the seed.
import { seeded } from '../support/seeded.ts';
import type { Seeded } from '../support/seeded.ts';

export interface Chance extends Seeded {
  /** True so often (from 0 to 1). */
  happens(probability: number): boolean;
  /** Any number between the two. */
  within(min: number, max: number): number;
  /** Mostly near `min`, seldom as far as `max`. */
  seldom(min: number, max: number): number;
  /** A UUIDv7 (RFC 9562, section 5.7) of that time (epoch ms); those of one world are in the order of their making. */
  id(at: number): string;
}

export function chanceOf(seed: number): Chance {
  const numbers = seeded(seed);
  let made = 0;
  const { next } = numbers;
  return {
    ...numbers,
    happens: (probability) => next() < probability,
    within: (min, max) => min + next() * (max - min),
    seldom: (min, max) => min + next() ** 4 * (max - min),
    id(at) {
      made += 1;
      const time = Math.floor(at).toString(16).padStart(12, '0');
      const count = made.toString(16).padStart(12, '0');
      return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${count}`;
    },
  };
}
