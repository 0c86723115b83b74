// Holds the signed heads to the chain by what stands at their positions. Whoever removes an event can make the chain
// whole again without any key; it has other hashes then, and the heads are what tells.
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Store } from '../store/store.ts';
import { openCheckpoint, selectCheckpoint } from './checkpoints.ts';

/**
 * The first position at which an organization's chain has another event than a head names, in a sentence; null where
 * they agree. Good for heads that verify. It looks at hashes as they are written down: whether the chain is whole by
 * itself is another question.
 */
export async function findContradiction(
  { store, signingKeys }: { readonly store: Store; readonly signingKeys: SigningKeys },
  organization: string,
): Promise<string | null> {
  const [checkpoints, found] = await store.snapshot([
    selectCheckpoint(store, organization),
    selectContradicted(store, organization),
  ]);
  const removed = await openCheckpoint(signingKeys, organization, checkpoints?.[0] as never);
  if (removed === null) return 'its checkpoint is not what was signed';
  const [first] = found ?? [];
  return first === undefined
    ? null
    : `event ${String(first['position'])} is not the one that was signed: the trail was written anew`;
}

/** Of what retention has left: the snapshot has the checkpoint that says how much that is. */
function selectContradicted(store: Store, organization: string) {
  return store.db
    .selectFrom('audit_heads as head')
    .leftJoin('audit_checkpoints as removed', 'removed.organization', 'head.organization')
    .leftJoin('audit_events as event', (join) =>
      join
        .onRef('event.organization', '=', 'head.organization')
        .onRef('event.position', '=', 'head.position'),
    )
    .select('head.position')
    .where('head.organization', '=', organization)
    .where((build) => build('head.position', '>', build.fn.coalesce('removed.position', build.lit(0))))
    .where((build) =>
      build.or([build('event.hash', 'is', null), build('event.hash', '<>', build.ref('head.hash'))]),
    )
    .orderBy('head.position')
    .limit(1)
    .compile();
}
