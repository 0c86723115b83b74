// Reads one principal.
import { Failure } from '../../protocol/failures.ts';
import type { ChangeDeps } from '../authority/change.ts';
import type { PrincipalsTable } from '../store/schema.ts';
import { selectPrincipal } from './store.ts';

export async function readPrincipal(deps: Pick<ChangeDeps, 'store'>, id: string): Promise<PrincipalsTable> {
  const [row] = await deps.store.read(selectPrincipal(deps.store, id));
  if (row === undefined) throw new Failure('not_found', `There is no principal ${id}.`);
  return row;
}
