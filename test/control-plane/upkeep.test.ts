import { expect, it } from 'vitest';
import { startUpkeep } from '../../control-plane/upkeep.ts';

/** Time that a test moves by hand. */
function clockByHand() {
  const timers = new Set<() => void>();
  return {
    after(_ms: number, wake: () => void) {
      timers.add(wake);
      return () => void timers.delete(wake);
    },
    async pass() {
      for (const wake of [...timers]) {
        timers.delete(wake);
        wake();
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
    waiting: () => timers.size,
  };
}

it('performs every duty each time, whatever became of the others', async () => {
  const clock = clockByHand();
  const done: string[] = [];
  const failed: string[] = [];
  const upkeep = startUpkeep({
    clock,
    everyMs: 1,
    report: (duty) => failed.push(duty),
    duties: [
      { name: 'first', perform: () => Promise.reject(new Error('no')) },
      { name: 'second', perform: async () => done.push('second') },
    ],
  });
  expect(done).toEqual([]);
  await clock.pass();
  await clock.pass();
  expect(done).toEqual(['second', 'second']);
  expect(failed).toEqual(['first', 'first']);
  await upkeep.close();
  expect(clock.waiting()).toBe(0);
});

it('ends when the duty has ended that it is performing, and begins no other', async () => {
  const clock = clockByHand();
  const done: string[] = [];
  let finish = (): void => undefined;
  const upkeep = startUpkeep({
    clock,
    everyMs: 1,
    report: () => undefined,
    duties: [
      { name: 'long', perform: () => new Promise<void>((resolve) => (finish = resolve)) },
      { name: 'next', perform: async () => done.push('next') },
    ],
  });
  await clock.pass();
  let closed = false;
  const closing = upkeep.close().then(() => (closed = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(closed).toBe(false);
  finish();
  await closing;
  expect(done).toEqual([]);
  expect(clock.waiting()).toBe(0);
});
