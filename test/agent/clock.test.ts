import { describe, expect, it } from 'vitest';
import { bootBetween, systemClock } from '../../agent/clock.ts';

/** Three clocks of one machine; a suspension moves the wall and the boot time, and not the monotonic clock. */
function machine() {
  const state = { wall: 1_700_000_000_000, monotonic: 500, boot: 90_000, readings: 0 };
  const boot = bootBetween({
    read: () => {
      state.readings += 1;
      return Math.floor(state.boot / 10) * 10;
    },
    wall: () => state.wall,
    monotonic: () => state.monotonic,
  });
  const pass = (ms: number) => {
    state.wall += ms;
    state.monotonic += ms;
    state.boot += ms;
  };
  const sleep = (ms: number) => {
    state.wall += ms;
    state.boot += ms;
  };
  return { state, boot, pass, sleep };
}

describe('boot time between two readings', () => {
  it('goes on with the monotonic clock, and is read anew now and then', () => {
    const { state, boot, pass } = machine();
    for (let ms = 0; ms < 1_000; ms += 1) {
      expect(Math.abs(boot() - state.boot)).toBeLessThanOrEqual(10);
      pass(1);
    }
    expect(state.readings).toBeGreaterThanOrEqual(9);
    expect(state.readings).toBeLessThanOrEqual(11);
  });

  it('counts a suspension at once, however long after the last question', () => {
    const { state, boot, pass, sleep } = machine();
    boot();
    pass(3);
    sleep(20_000);
    expect(Math.abs(boot() - state.boot)).toBeLessThanOrEqual(10);
  });

  it('is not moved by somebody who sets the wall clock', () => {
    const { state, boot, pass } = machine();
    boot();
    pass(3);
    state.wall -= 3_600_000;
    expect(Math.abs(boot() - state.boot)).toBeLessThanOrEqual(10);
    pass(3);
    state.wall += 7_200_000;
    expect(Math.abs(boot() - state.boot)).toBeLessThanOrEqual(10);
  });

  it('never goes back', () => {
    const { boot, pass } = machine();
    let before = boot();
    for (let step = 0; step < 500; step += 1) {
      pass(0.7);
      const now = boot();
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });
});

it('on this machine it counts milliseconds', async () => {
  const clock = systemClock();
  const [boot, now] = [clock.boot(), clock.now()];
  await clock.sleep(60);
  expect(Math.abs(clock.boot() - boot - (clock.now() - now))).toBeLessThanOrEqual(25);
});

describe('a sleep', () => {
  it('ends at once when it is cut short, also before it began', async () => {
    const clock = systemClock();
    const cut = new AbortController();
    const sleeping = clock.sleep(60_000, cut.signal);
    cut.abort('enough');
    await expect(sleeping).rejects.toBe('enough');
    await expect(clock.sleep(60_000, cut.signal)).rejects.toBe('enough');
  });

  it('is not disturbed by a signal that comes after it', async () => {
    const cut = new AbortController();
    await systemClock().sleep(1, cut.signal);
    cut.abort();
  });
});
