// The laws of slowing down guesses, on the pure part: what an attacker gets, and what a victim keeps.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  counted,
  delayMs,
  networkOf,
  waitMs,
  waysFor,
  waysForCode,
  waysForCredential,
} from '../../../control-plane/sign-in/throttle.ts';
import type { Beside, Bucket, Count, Origin } from '../../../control-plane/sign-in/throttle.ts';
import {
  addressFailuresFree,
  codeDelayMsMax,
  signInDelayMsMax,
  signInFailuresFree,
  signInForgetMs,
} from '../../../protocol/limits-authority.ts';

/** What the store does, in memory: the first way whose buckets all have room is taken. */
class Counts {
  readonly counts = new Map<string, Count>();

  /** Milliseconds to wait; 0 where the attempt was let in, and counts. */
  attempt(ways: readonly (readonly Bucket[])[], now: number, succeeds = false): number {
    const waits = ways.map((way) =>
      Math.max(...way.map(({ key, pace }) => waitMs(pace, this.counts.get(key) ?? null, now))),
    );
    const way = ways[waits.indexOf(0)];
    if (way === undefined) return Math.min(...waits);
    for (const { key } of way) {
      const next = counted(this.counts.get(key) ?? null, now);
      this.counts.set(key, succeeds ? { ...next, failures: next.failures - 1 } : next);
    }
    return 0;
  }
}

const victim = 'ada';
const stranger = (network: string): Origin => ({
  account: victim,
  network,
  device: null,
  isKnownNetwork: false,
});
const knownBrowser: Origin = {
  account: victim,
  network: '198.51.100.7',
  device: 'd1',
  isKnownNetwork: false,
};
const knownPlace: Origin = { account: victim, network: '198.51.100.9', device: null, isKnownNetwork: true };

const beside = fc.constantFrom<Beside>('nothing', 'code', 'recovery');
/** Anybody, from anywhere but where the victim is: the attacker has as many addresses as they like. */
const attack = fc.array(
  fc.record({
    network: fc.integer({ min: 0, max: 200 }).map((n) => `203.0.113.${n}`),
    beside,
    afterMs: fc.integer({ min: 0, max: 600_000 }),
    step: fc.boolean(),
  }),
  { maxLength: 300 },
);

function play(
  counts: Counts,
  attempts: readonly { network: string; beside: Beside; afterMs: number; step: boolean }[],
) {
  let now = 1_000_000;
  let passed = 0;
  let codes = 0;
  for (const { network, beside: brings, afterMs, step } of attempts) {
    now += afterMs;
    const from = stranger(network);
    const wait = counts.attempt(step ? waysForCode(from) : waysFor(from, brings), now);
    if (wait === 0 && !step && brings !== 'recovery') passed += 1;
    if (wait === 0 && (step || brings === 'code')) codes += 1;
  }
  return { now, passed, codes };
}

describe('whatever strangers do', () => {
  test('a browser or a network that the account knows gets in at once', () => {
    fc.assert(
      fc.property(attack, (attempts) => {
        const counts = new Counts();
        const { now } = play(counts, attempts);
        expect(counts.attempt(waysFor(knownBrowser, 'nothing'), now)).toBe(0);
        expect(counts.attempt(waysForCode(knownBrowser), now)).toBe(0);
        expect(counts.attempt(waysFor(knownPlace, 'nothing'), now)).toBe(0);
        expect(counts.attempt(waysFor(knownPlace, 'code'), now)).toBe(0);
      }),
    );
  });

  test('a recovery code gets in from anywhere that they have not used up', () => {
    fc.assert(
      fc.property(attack, (attempts) => {
        const counts = new Counts();
        const { now } = play(counts, attempts);
        expect(counts.attempt(waysFor(stranger('192.0.2.1'), 'recovery'), now)).toBe(0);
      }),
    );
  });

  test('they get few guesses in all: free ones, then one for each delay, however many addresses they have', () => {
    fc.assert(
      fc.property(attack, (attempts) => {
        const { now, passed, codes } = play(new Counts(), attempts);
        const spanMs = now - 1_000_000;
        // The delays of the first attempts are short: 2, 4, … seconds; eight doublings reach the most.
        const most = (capMs: number): number => signInFailuresFree + 11 + Math.ceil(spanMs / capMs);
        // A day without guesses is forgotten.
        const days = 1 + Math.floor(spanMs / signInForgetMs);
        expect(codes).toBeLessThanOrEqual(most(codeDelayMsMax) * days);
        expect(passed).toBeLessThanOrEqual((most(signInDelayMsMax) + most(codeDelayMsMax)) * days);
      }),
    );
  });

  test('an account with its password tried from many addresses does not slow down other accounts', () => {
    fc.assert(
      fc.property(attack, (attempts) => {
        const counts = new Counts();
        const { now } = play(counts, attempts);
        const other = { ...stranger('192.0.2.1'), account: 'bob' };
        expect(counts.attempt(waysFor(other, 'nothing'), now)).toBe(0);
      }),
    );
  });
});

test('an address that tries many names is slowed down, too', () => {
  const counts = new Counts();
  const waits = Array.from({ length: addressFailuresFree + 5 }, (_, index) =>
    counts.attempt(waysFor({ ...stranger('203.0.113.1'), account: `name-${index}` }, 'nothing'), 1_000_000),
  );
  expect(waits.filter((wait) => wait === 0)).toHaveLength(addressFailuresFree);
});

test('somebody who took a session is slowed down, and nobody else', () => {
  const counts = new Counts();
  const guess = () => counts.attempt([waysForCredential('s1', 'nothing')], 1_000_000);
  expect(Array.from({ length: signInFailuresFree + 1 }, guess).filter((wait) => wait > 0)).toHaveLength(1);
  expect(counts.attempt([waysForCredential('s2', 'code')], 1_000_000)).toBe(0);
  expect(counts.attempt(waysFor(stranger('192.0.2.1'), 'nothing'), 1_000_000)).toBe(0);
});

describe('a delay', () => {
  test('never becomes shorter with more failures, begins with none and has a most', () => {
    fc.assert(
      fc.property(fc.constantFrom('account', 'address', 'code'), fc.nat(10_000), (pace, failures) => {
        const [now, next] = [delayMs(pace, failures), delayMs(pace, failures + 1)];
        expect(next).toBeGreaterThanOrEqual(now);
        expect(next).toBeLessThanOrEqual(pace === 'code' ? codeDelayMsMax : signInDelayMsMax);
        if (failures < signInFailuresFree) expect(now).toBe(0);
      }),
    );
  });

  test('ends, and what was counted is forgotten after a day', () => {
    fc.assert(
      fc.property(fc.nat(1_000), fc.nat(10 * signInDelayMsMax), (failures, later) => {
        const count = { failures, lastAt: 1_000 };
        const wait = waitMs('account', count, 1_000 + later);
        expect(waitMs('account', count, 1_000 + later + wait)).toBe(0);
        expect(counted(count, 1_000 + signInForgetMs).failures).toBe(1);
      }),
    );
  });
});

test.each([
  ['192.0.2.7', '192.0.2.7'],
  ['::ffff:192.0.2.7', '192.0.2.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
  ['2001:0db8:0001:0002:0000:0000:0000:0001', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
])('%s is counted as %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
