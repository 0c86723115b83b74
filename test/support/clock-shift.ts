// A wrong clock for a process of ours: loaded before its program, it moves what JavaScript calls now. The kernel and
// OpenSSL keep the true time.

/** Flags of Node that move `Date` by so many milliseconds. */
export function shiftedClock(ms: number): readonly string[] {
  const code = `
    const True = Date;
    globalThis.Date = class Date extends True {
      constructor(...given) { super(...(given.length === 0 ? [True.now() + ${ms}] : given)); }
      static now() { return True.now() + ${ms}; }
    };
  `;
  return ['--import', `data:text/javascript,${encodeURIComponent(code)}`];
}
