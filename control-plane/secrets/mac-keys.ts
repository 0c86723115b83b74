// Keys of message authentication codes: random, one per purpose, wrapped in the store. They say that a row was
// written by this control plane, without a digest that somebody could guess a secret from (rules.md 29).
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import { step } from '../store/step.ts';
import type { Store } from '../store/store.ts';
import type { KeyProvider } from './key-provider.ts';
import { openAtRest, sealAtRest } from './seal-at-rest.ts';
import type { SealedCell } from './seal-at-rest.ts';

export type MacPurpose = 'audit' | 'body';

/** HMAC-SHA-256 (RFC 2104) over a text: `m1.` and 43 characters of base64url. */
export type Mac = (text: string) => string;

/** Opens the key, or makes it at the first start. Two replicas that start at once end with the same one. */
export async function openMacKey(
  store: Store,
  provider: KeyProvider,
  purpose: MacPurpose,
): Promise<Uint8Array> {
  const name = `mac_key.${purpose}.1`;
  const cell: SealedCell = { table: 'store_meta', organization: '', project: '', row: name, column: 'value' };
  const find = store.db.selectFrom('store_meta').select('value').where('name', '=', name).compile();
  let [found] = await store.read(find);
  if (found === undefined) {
    const value = await sealAtRest(provider, randomBytes(32), cell);
    const insert = store.db
      .insertInto('store_meta')
      .values({ name, value })
      .onConflict((conflict) => conflict.doNothing());
    await store.write([step(insert)]);
    [found] = await store.read(find);
  }
  return openAtRest(provider, found?.value ?? '', cell);
}

/**
 * HMAC as RFC 2104 defines it, by two one-shot hashes: verifying a trail needs so many that making an object of
 * OpenSSL for each would be a third of the whole.
 */
export function macOf(key: Uint8Array): Mac {
  const inner = Buffer.alloc(blockBytes + scratchBytes, 0x36);
  const outer = Buffer.alloc(blockBytes + digestBytes, 0x5c);
  const short = key.length > blockBytes ? hash('sha256', key, 'buffer') : key;
  short.forEach((byte, index) => {
    inner[index] = byte ^ 0x36;
    outer[index] = byte ^ 0x5c;
  });
  return (text) => {
    // A UTF-16 code unit has three bytes in UTF-8 at the most.
    const fits = text.length * 3 <= scratchBytes;
    const message = fits
      ? inner.subarray(0, blockBytes + inner.write(text, blockBytes, 'utf8'))
      : Buffer.concat([inner.subarray(0, blockBytes), Buffer.from(text, 'utf8')]);
    outer.set(hash('sha256', message, 'buffer'), blockBytes);
    return `m1.${hash('sha256', outer, 'base64url')}`;
  };
}

const blockBytes = 64;
const digestBytes = 32;
const scratchBytes = 1_024;

/** Compares in constant time. */
export function macMatches(mac: Mac, text: string, claimed: string): boolean {
  const expected = Buffer.from(mac(text));
  const given = Buffer.from(claimed);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
