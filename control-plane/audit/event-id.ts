// Ids of events are UUIDv7 (RFC 9562, section 5.7) of the clock that dates them, so that a time is a place among them.
// Those that one process gives in one millisecond are in order, too: they are counted (section 6.2, method 1).
import { randomUUID } from 'node:crypto';

/** Room of the counter: the 12 bits behind the version. */
const countMax = 0xfff;
const fixedCharacters = 'tttttttt-tttt-7ccc'.length;

/** Gives ids that begin with a time (epoch ms). */
export function openEventIds(): (at: number) => string {
  let last = Number.NaN;
  let count = 0;
  return (at) => {
    count = at === last && count < countMax ? count + 1 : 0;
    last = at;
    const counted = `7${count.toString(16).padStart(3, '0')}`;
    // The rest is random, its variant bits included.
    return `${timeOf(at)}-${counted}${randomUUID().slice(fixedCharacters)}`;
  };
}

/** Sorts before every id of that time or later, and behind all earlier ones. */
export function firstIdAt(at: number): string {
  return `${timeOf(at)}-0000-0000-000000000000`;
}

function timeOf(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
