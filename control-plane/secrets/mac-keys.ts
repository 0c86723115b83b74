// Keys of message authentication codes: random, one per purpose, wrapped in the store. They say that a row was
// written by this control plane, without a digest that somebody could guess a secret from (rules.md 29).
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
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

export function macOf(key: Uint8Array): Mac {
  return (text) => `m1.${createHmac('sha256', key).update(text, 'utf8').digest('base64url')}`;
}

/** Compares in constant time. */
export function macMatches(mac: Mac, text: string, claimed: string): boolean {
  const expected = Buffer.from(mac(text));
  const given = Buffer.from(claimed);
  return expected.length === given.length && timingSafeEqual(expected, given);
}
