// The roots as agents are told of them: with the signature of the root that they pin, where a new one is on its way.
import type { TrustAnchors } from '../../protocol/api/enrollment.ts';
import type { Authorities } from './authorities.ts';

/** Also a root that is only `next`: agents that know it early need no chain over the old one later. */
export function trustAnchorsOf({ all }: Pick<Authorities, 'all'>): TrustAnchors {
  return all
    .filter(({ level, state, cross }) => level === 'root' && (state !== 'next' || cross !== null))
    .map(({ pem, cross }) => ({ root: pem, cross }));
}
