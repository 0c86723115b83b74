// Ids of events are UUIDv7 (RFC 9562, section 5.7) of the clock that dates them, so that a time is a place among them.
import { randomUUIDv7 } from 'node:crypto';

const timeCharacters = 'ffffffff-ffff'.length;

/** A fresh id that begins with that time (epoch ms). */
export function eventIdAt(at: number): string {
  return timeOf(at) + randomUUIDv7().slice(timeCharacters);
}

/** Sorts before every id of that time or later, and behind all earlier ones. */
export function firstIdAt(at: number): string {
  return `${timeOf(at)}-0000-0000-000000000000`;
}

function timeOf(at: number): string {
  const hex = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0').slice(-12);
  return `${hex.slice(0, 8)}-${hex.slice(8)}`;
}
