// The inbox: in order, bounded, and awake when something comes.
import { expect, test } from 'vitest';
import { createInbox } from '../../agent/inbox.ts';

test('gives items in the order in which they came', async () => {
  const inbox = createInbox<number>(10);
  setTimeout(() => inbox.put(1), 5);
  await inbox.filled();
  inbox.put(2);
  expect([inbox.take(), inbox.take(), inbox.take()]).toEqual([1, 2, null]);
});

test('says when it is full, keeps what comes all the same, and calls when it is half empty', () => {
  const inbox = createInbox<number>(4);
  let calls = 0;
  inbox.onRoom(() => (calls += 1));
  expect([1, 2, 3, 4, 5].map((item) => inbox.put(item))).toEqual([true, true, true, false, false]);
  inbox.take();
  inbox.take();
  expect(calls).toBe(0);
  inbox.take();
  expect(calls).toBe(1);
  expect(inbox.put(6)).toBe(true);
  expect([inbox.take(), inbox.take(), inbox.take(), inbox.take()]).toEqual([4, 5, 6, null]);
});
