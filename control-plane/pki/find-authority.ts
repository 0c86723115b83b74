// Which authority a person means: by its id, its name, or the level whose active one it is.
import { Failure } from '../../protocol/failures.ts';
import type { Store } from '../store/store.ts';
import { selectAuthorities } from './authority-store.ts';
import type { AuthorityRow } from './authority-store.ts';

/** Throws `not_found`. */
export async function findAuthority(store: Store, reference: string): Promise<AuthorityRow> {
  const rows = await store.read(selectAuthorities(store));
  const level = reference.replace('-', '_');
  const found =
    rows.find(({ id, name }) => id === reference || name === reference) ??
    rows.find((row) => row.level === level && row.state === 'active');
  if (found !== undefined) return found;
  throw new Failure('not_found', `There is no authority ${reference}; \`wayside pki list\` shows them.`);
}
