// What replaces an authority, as the steps of one unit. A new intermediate brings a new data-plane CA, a new root both:
// what is below an authority has the same fate. The former ones stay accepted until they are retired.
import { Failure } from '../../protocol/failures.ts';
import type { Step } from '../store/store.ts';
import { moveAuthority } from './authority-store.ts';
import { withKey } from './authorities.ts';
import type { Authorities, CertificationAuthority, SigningAuthority } from './authorities.ts';
import { draftAuthority, isNextUnder } from './draft-authority.ts';
import type { DraftDeps } from './draft-authority.ts';
import type { Level } from './profiles.ts';

export type RotatedLevel = Level;

export interface PlannedRotation {
  readonly steps: readonly Step[];
  /** Names of the authorities that issue from now on, and of those that did. */
  readonly activated: readonly string[];
  readonly former: readonly string[];
  /** Id of the new data-plane CA. */
  readonly dataPlane: string;
}

/**
 * One that was made as `next` takes the place; otherwise a fresh one does. Throws `root_offline` where the root would
 * have to sign and its key is not here, and `in_use` where an older root has not been retired yet.
 */
export async function planRotation(
  deps: DraftDeps,
  authorities: Authorities,
  level: RotatedLevel,
): Promise<PlannedRotation> {
  const plan = new Plan(deps, authorities);
  let { intermediate } = authorities;
  let root: CertificationAuthority = authorities.root;
  if (level === 'root') {
    checkOverlap(authorities);
    checkSigned(authorities);
    const predecessor = authorities.root;
    root = await plan.replace('root', null, () => ({ parent: null, predecessor: withKey(predecessor) }));
  }
  if (level !== 'data_plane') {
    const parent = root;
    intermediate = await plan.replace('intermediate', root.id, () => ({ parent: withKey(parent) }));
  }
  const { id } = await plan.replace('data_plane', intermediate.id, () => ({ parent: intermediate }));
  const { steps, activated, former } = plan;
  return { steps, activated, former, dataPlane: id };
}

/** Collects what the unit does, level by level from the top. */
class Plan {
  readonly steps: Step[] = [];
  readonly activated: string[] = [];
  readonly former: string[] = [];
  readonly #deps: DraftDeps;
  readonly #authorities: Authorities;

  constructor(deps: DraftDeps, authorities: Authorities) {
    this.#deps = deps;
    this.#authorities = authorities;
  }

  /** The new active authority of a level: the one that waits below `parent`, or a fresh one. */
  async replace(
    level: Level,
    parent: string | null,
    signers: () => Pick<Parameters<typeof draftAuthority>[1], 'parent' | 'predecessor'>,
  ): Promise<SigningAuthority> {
    const { store } = this.#deps;
    const old = activeAt(this.#authorities, level);
    this.former.push(old.name);
    this.steps.push(moveAuthority(store, { id: old.id, from: ['active'], to: 'former' }));
    const waiting = this.#authorities.all.find((authority) => isNextUnder(authority, level, parent));
    if (waiting !== undefined) {
      this.activated.push(waiting.name);
      this.steps.push(moveAuthority(store, { id: waiting.id, from: ['next'], to: 'active' }));
      return withKey(waiting);
    }
    const drafted = await draftAuthority(this.#deps, { level, state: 'active', ...signers() });
    this.activated.push(drafted.authority.name);
    this.steps.push(...drafted.steps);
    return drafted.authority;
  }
}

function activeAt(authorities: Authorities, level: Level): CertificationAuthority {
  switch (level) {
    case 'root':
      return authorities.root;
    case 'intermediate':
      return authorities.intermediate;
    case 'data_plane':
      return authorities.dataPlane;
  }
}

/**
 * An agent learns of one successor at a time: with three roots, one that was away would know none of them. Throws
 * `in_use` while two are trusted.
 */
export function checkOverlap({ anchors }: Pick<Authorities, 'anchors'>): void {
  const [older, newer] = anchors;
  if (older === undefined || newer === undefined) return;
  throw new Failure('in_use', `Retire ${older.name} first: \`wayside pki retire ${older.name}\`.`);
}

function checkSigned({ all }: Authorities): void {
  const next = all.find(({ level, state }) => level === 'root' && state === 'next');
  if (next === undefined || next.cross !== null) return;
  throw new Failure(
    'root_offline',
    `${next.name} has not been signed by the root that agents trust. Sign it offline: \`wayside pki root request\`, \`wayside pki sign\`, \`wayside pki root import\`.`,
  );
}
