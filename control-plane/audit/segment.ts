// One stretch of an organization's chain, checked by itself. Stretches are checked side by side, and joined by what
// each begins and ends with.
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import { openWalk } from './walk.ts';
import type { ChainedRow, Fault, Walk } from './walk.ts';

export interface Segment {
  /** The last position before it. */
  readonly from: number;
  readonly to: number;
  /** Hashes that signed heads name, by position. */
  readonly expected: ReadonlyMap<number, string>;
}

/** How far it was right: what it begins behind, what it ends with, and what is wrong with the next event. */
export interface SegmentVerdict {
  readonly begins: ChainPlace;
  readonly ends: ChainPlace;
  readonly fault: Fault | null;
}

export interface SegmentCheck {
  /** The rows after `nextFrom()`, in order; false when there is nothing more to check. */
  take(rows: readonly ChainedRow[]): boolean;
  nextFrom(): number;
  verdict(): SegmentVerdict;
}

export function checkSegment(mac: Mac, { from, to, expected }: Segment): SegmentCheck {
  let walk: Walk | null = null;
  let begins: ChainPlace = { position: from, hash: '' };
  let fault: Fault | null = null;
  const at = () => walk?.at() ?? begins;
  return {
    take: (rows) => {
      const [first] = rows;
      if (first === undefined) {
        const next = at().position + 1;
        const problem = next === to ? `event ${next} is missing` : `events ${next} to ${to} are missing`;
        fault = { position: next, problem };
        return false;
      }
      // What it should follow is known where the stretch before it ends; that is compared when they are joined.
      if (walk === null) begins = { position: from, hash: first.previous_hash ?? '' };
      walk ??= openWalk(mac, begins, expected);
      for (const row of rows) {
        fault = walk.take(row);
        if (fault !== null) return false;
      }
      return walk.at().position < to;
    },
    nextFrom: () => at().position,
    verdict: () => ({ begins, ends: at(), fault }),
  };
}

/** Splits what lies behind `from` up to `to` into at most `parts` stretches of nearly the same length. */
export function segmentsOf(
  range: { readonly from: number; readonly to: number },
  expected: ReadonlyMap<number, string>,
  parts: number,
): readonly Segment[] {
  const length = Math.max(1, Math.ceil((range.to - range.from) / parts));
  const segments: Segment[] = [];
  for (let from = range.from; from < range.to; from += length) {
    const to = Math.min(range.to, from + length);
    const within = [...expected].filter(([position]) => position > from && position <= to);
    segments.push({ from, to, expected: new Map(within) });
  }
  return segments;
}

/** The first thing that is wrong over all stretches, in their order, and how far it was right until then. */
export function joinSegments(
  start: ChainPlace,
  verdicts: readonly SegmentVerdict[],
): { readonly at: ChainPlace; readonly fault: Fault | null } {
  let at = start;
  for (const { begins, ends, fault } of verdicts) {
    if (ends.position > begins.position && begins.hash !== at.hash) {
      const position = begins.position + 1;
      return { at, fault: { position, problem: `event ${position} does not follow the one before it` } };
    }
    at = ends.position > begins.position ? ends : at;
    if (fault !== null) return { at, fault };
  }
  return { at, fault: null };
}
