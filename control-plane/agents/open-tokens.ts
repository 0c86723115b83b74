// How many join and recovery tokens could still be used; each pins the root that was the oldest when it was made.
import type { Store } from '../store/store.ts';
import { countOpenTokens } from './token-store.ts';

export async function openTokens(store: Store): Promise<number> {
  const [row] = await store.read(countOpenTokens(store));
  return Number(row?.open ?? 0);
}
