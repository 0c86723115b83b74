import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { notAfterOf } from '../../../control-plane/pki/certify.ts';
import { endsSoon, keepCurrent, passedThreshold } from '../../../control-plane/pki/keep-current.ts';
import type { ExpiryWarning } from '../../../control-plane/pki/keep-current.ts';
import { openPki } from '../../../control-plane/pki/open-pki.ts';
import { planRotation } from '../../../control-plane/pki/plan-rotation.ts';
import { authorityExpiryWarnMs, pkiSweepMs } from '../../../protocol/limits.ts';
import { openInstallation, untold } from './installation.ts';
import type { Installation } from './installation.ts';

const dayMs = 86_400_000;

/** A clock that is moved by hand, with the one timer that the loop has. */
function handClock(start: number) {
  let now = start;
  let wake: (() => void) | null = null;
  return {
    now: () => now,
    after: (_ms: number, next: () => void) => {
      wake = next;
      return () => (wake = null);
    },
    isWaiting: () => wake !== null,
    turn(ms: number) {
      now += ms;
      const next = wake;
      wake = null;
      next?.();
    },
  };
}

const settled = async (clock: { isWaiting(): boolean }): Promise<void> => {
  const end = Date.now() + 10_000;
  while (!clock.isWaiting() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 2));
};

describe('keeping the authorities current', () => {
  let installation: Installation;
  beforeAll(async () => {
    installation = await openInstallation();
  });
  afterAll(async () => {
    await installation[Symbol.asyncDispose]();
  });
  const open = (clock: { now(): number }) =>
    openPki({ store: installation.store, keys: installation.secrets.signingKeys, clock, rotations: untold });

  it('takes within one look what another process has rotated, and tells who follows it', async () => {
    const clock = handClock(Date.now());
    const [mine, other] = [await open(clock), await open(clock)];
    let changes = 0;
    mine.onChange(() => (changes += 1));
    const keeper = keepCurrent({ pki: mine, clock, warn: () => undefined, failed: () => undefined });
    clock.turn(pkiSweepMs);
    await settled(clock);
    expect(changes).toBe(0);
    const { store, secrets } = installation;
    const deps = { store, keys: secrets.signingKeys, now: Date.now() };
    await store.write((await planRotation(deps, other.authorities(), 'data_plane')).steps);
    clock.turn(pkiSweepMs);
    await settled(clock);
    expect([changes, mine.authorities().dataPlane.name]).toEqual([1, 'data-plane-2']);
    // A certificate of the new one is known at once, without waiting for the look.
    const leaf = mine.authorities().dataPlane.certificate;
    expect(await other.issuerOf(leaf)).toBeNull();
    expect(other.authorities().dataPlane.name).toBe('data-plane-2');
    keeper.stop();
    expect(clock.isWaiting()).toBe(false);
  });

  it('warns of what ends at each stated time once, and says what to do', async () => {
    const end = notAfterOf(installation.authorities.root.certificate);
    // The root has no successor of its own accord: what is below it cannot outlive it.
    const clock = handClock(end - 181 * dayMs);
    const pki = await open(clock);
    const warnings: ExpiryWarning[] = [];
    const keeper = keepCurrent({
      pki,
      clock,
      warn: (warning) => warnings.push(warning),
      failed: (cause) => {
        throw cause;
      },
    });
    const ofRoot = () => warnings.filter(({ authority }) => authority === 'root-1');
    expect(ofRoot()).toEqual([]);
    for (const days of [2, 90, 60, 23, 5.5]) {
      clock.turn(days * dayMs);
      await settled(clock);
      clock.turn(1_000);
      await settled(clock);
    }
    keeper.stop();
    expect(ofRoot()).toHaveLength(authorityExpiryWarnMs.length);
    expect(ofRoot().at(-1)?.message).toBe(
      'The certificate of root-1 ends within a day; replace it: `wayside pki rotate root`.',
    );
  });

  it('knows how much is left', () => {
    const { root } = installation.authorities;
    const end = notAfterOf(root.certificate);
    expect(passedThreshold(root, end - 200 * dayMs)).toBeNull();
    expect(passedThreshold(root, end - 100 * dayMs)).toBe(180 * dayMs);
    expect(passedThreshold(root, end - 1_000)).toBe(dayMs);
    expect(endsSoon({ ...root, state: 'former' }, end + 1_000)).toBe(
      'The certificate of root-1 has ended; retire it: `wayside pki retire root-1`.',
    );
  });
});
