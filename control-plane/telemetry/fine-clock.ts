// Wall-clock time in fractions of a millisecond: what a span is made of often takes less than one.

/** Of a monotonic clock, set right where the machine's clock has gone elsewhere. Both in ms. */
export function fineClock(clock: {
  readonly now: () => number;
  readonly elapsed: () => number;
}): () => number {
  let offset = clock.now() - clock.elapsed();
  return () => {
    const elapsed = clock.elapsed();
    const now = clock.now();
    if (Math.abs(now - (offset + elapsed)) > driftMsMax) offset = now - elapsed;
    return offset + elapsed;
  };
}

const driftMsMax = 5;
