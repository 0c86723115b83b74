// How often one address may knock at the enrolment listener: so many times in each minute of the clock.

export interface Rate {
  /** False where the address has had its share of this minute. `now` is in epoch ms. */
  take(address: string, now: number): boolean;
}

const minuteMs = 60_000;

export function limitRate(perMinuteMax: number): Rate {
  let minute = 0;
  const counts = new Map<string, number>();
  return {
    take(address, now) {
      const current = Math.floor(now / minuteMs);
      // A new minute forgets everybody, which bounds the memory as well.
      if (current !== minute) counts.clear();
      minute = current;
      const count = (counts.get(address) ?? 0) + 1;
      counts.set(address, count);
      return count <= perMinuteMax;
    },
  };
}
