// How guessing is slowed down without locking anybody out. Pure: what is counted, and what a count means.
//
// An attempt counts where it comes from. From a browser that its account knows (a cookie that only a successful
// sign-in gives) or a network that it was last in, it counts for that browser or network and that account alone, so
// nobody else can use those up. From anywhere else it counts for its address and for the account, and it is these that
// an attacker uses up. Where the account's are used up, a second factor in the same request still gets in: a passkey
// or a recovery code, which cannot be guessed, at once; a code of six digits at a pace of its own.
import { isIPv6 } from 'node:net';
import {
  addressFailuresFree,
  codeDelayMsMax,
  signInDelayMsMax,
  signInDelayMsMin,
  signInFailuresFree,
  signInForgetMs,
} from '../../protocol/limits-authority.ts';

/** What was counted under one key. Attempts count when they begin and are taken back when they succeed. */
export interface Count {
  readonly failures: number;
  /** Epoch ms of the last one. */
  readonly lastAt: number;
}

export type Pace = 'account' | 'address' | 'code';

const paces: Readonly<Record<Pace, { readonly free: number; readonly delayMsMax: number }>> = {
  account: { free: signInFailuresFree, delayMsMax: signInDelayMsMax },
  address: { free: addressFailuresFree, delayMsMax: signInDelayMsMax },
  code: { free: signInFailuresFree, delayMsMax: codeDelayMsMax },
};

/** How long the next attempt waits after so many failures: nothing at first, then twice as long each time. */
export function delayMs(pace: Pace, failures: number): number {
  const { free, delayMsMax } = paces[pace];
  if (failures < free) return 0;
  return Math.min(delayMsMax, signInDelayMsMin * 2 ** Math.min(failures - free, 30));
}

/** For how many more milliseconds an attempt is refused; 0 where it may go on. */
export function waitMs(pace: Pace, count: Count | null, now: number): number {
  const live = remembered(count, now);
  return live === null ? 0 : Math.max(0, live.lastAt + delayMs(pace, live.failures) - now);
}

/** The count with one attempt more. */
export function counted(count: Count | null, now: number): Count {
  return { failures: (remembered(count, now)?.failures ?? 0) + 1, lastAt: now };
}

/** After a day without any, what was counted says nothing any more. */
function remembered(count: Count | null, now: number): Count | null {
  return count === null || now - count.lastAt >= signInForgetMs ? null : count;
}

/** What an attempt counts for: a text that is stored as a keyed code, and its pace. */
export interface Bucket {
  readonly key: string;
  readonly pace: Pace;
}

/** From where an attempt comes, as its account sees it. */
export interface Origin {
  /** As typed: unknown names are counted like known ones, so that nothing can be learned. */
  readonly account: string;
  readonly network: string;
  /** Hash of the browser's cookie, where the account knows that browser. */
  readonly device: string | null;
  readonly isKnownNetwork: boolean;
}

/** What a request brings beside a password. */
export type Beside = 'nothing' | 'code' | 'recovery';

/**
 * The ways in which an attempt at a password may go on, best first; the first whose buckets all have room is taken.
 * A code of six digits counts at its own pace in each of them, a recovery code needs none.
 */
export function waysFor(origin: Origin, beside: Beside): readonly (readonly Bucket[])[] {
  const { account, network, device, isKnownNetwork } = origin;
  const code = codeBuckets(origin, beside);
  const address: Bucket = { key: `address ${network}`, pace: 'address' };
  const ways: (readonly Bucket[])[] = [];
  if (device !== null) ways.push([{ key: `device ${device} ${account}`, pace: 'account' }, ...code.device]);
  if (isKnownNetwork) {
    ways.push([{ key: `network ${network} ${account}`, pace: 'account' }, ...code.network]);
  }
  ways.push([address, { key: `account ${account}`, pace: 'account' }, ...code.account]);
  if (beside === 'code') ways.push([address, ...code.account]);
  if (beside === 'recovery') ways.push([address, { key: `recovery ${account} ${network}`, pace: 'account' }]);
  return ways;
}

/** The same for a code of six digits after a good password. */
export function waysForCode(origin: Origin): readonly (readonly Bucket[])[] {
  const code = codeBuckets(origin, 'code');
  const ways: (readonly Bucket[])[] = [];
  if (origin.device !== null) ways.push(code.device);
  if (origin.isKnownNetwork) ways.push(code.network);
  ways.push([{ key: `address ${origin.network}`, pace: 'address' }, ...code.account]);
  return ways;
}

/** For somebody who is signed in and shows again who they are: what they hold is all that can be used up. */
export function waysForCredential(credential: string, beside: Beside): readonly Bucket[] {
  const password: Bucket = { key: `credential ${credential}`, pace: 'account' };
  return beside === 'code' ? [password, { key: `code credential ${credential}`, pace: 'code' }] : [password];
}

function codeBuckets(
  { account, network, device }: Origin,
  beside: Beside,
): Readonly<Record<'device' | 'network' | 'account', readonly Bucket[]>> {
  if (beside !== 'code') return { device: [], network: [], account: [] };
  return {
    device: [{ key: `code device ${device ?? ''} ${account}`, pace: 'code' }],
    network: [{ key: `code network ${network} ${account}`, pace: 'code' }],
    account: [{ key: `code ${account}`, pace: 'code' }],
  };
}

/** An IPv4 address as it is, the first 64 bits of an IPv6 one: who has one of them has them all. */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined) return mapped;
  if (!isIPv6(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const middle =
    tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  const groups = [...left, ...middle, ...right].slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''));
  return `${groups.join(':')}::/64`;
}
