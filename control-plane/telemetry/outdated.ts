// When a figure of the database says more about the database than about what it counts.
const readingAgeMsMax = 60_000;

/** Then it is left out rather than told as if it were true. */
export function isOutdated(reading: { readonly at: number }, now: number): boolean {
  return now - reading.at > readingAgeMsMax;
}
