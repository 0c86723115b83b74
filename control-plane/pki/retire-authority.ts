// Ends an authority for good: what it and those below it issued is refused from now on, their keys are destroyed, and
// the authority above lists them as revoked.
import { Failure } from '../../protocol/failures.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { Step, Store } from '../store/store.ts';
import { moveAuthority, selectAuthorities, setStoredList } from './authority-store.ts';
import type { AuthorityRow } from './authority-store.ts';
import type { Authorities } from './authorities.ts';
import { notAfterOf } from './certify.ts';
import { noLiveLeaves, selectLiveLeaves } from './leaf-store.ts';
import { revokedBy } from './publish-lists.ts';
import { issueList } from './revocation-list.ts';

export interface RetireDeps {
  readonly store: Store;
  readonly keys: SigningKeys;
  readonly authorities: Authorities;
  readonly now: number;
  /** Join tokens that are good and pin the oldest root. */
  readonly openTokens: () => Promise<number>;
}

export interface PlannedRetirement {
  readonly steps: readonly Step[];
  /** Names of the authorities that end: this one and those below it. */
  readonly retired: readonly string[];
}

/**
 * Throws `conflict` for an active or retired authority, and `in_use` where certificates of it, or join tokens that pin
 * it, are still good and `force` is not set.
 */
export async function planRetirement(
  deps: RetireDeps,
  request: { readonly authority: AuthorityRow; readonly force: boolean },
): Promise<PlannedRetirement> {
  const { store, keys } = deps;
  const { authority, force } = request;
  if (authority.state === 'active') {
    const level = authority.level.replace('_', '-');
    throw new Failure(
      'conflict',
      `${authority.name} issues now. Replace it first: \`wayside pki rotate ${level}\`.`,
    );
  }
  if (authority.state === 'retired') throw new Failure('conflict', `${authority.name} is retired already.`);
  const branch = branchOf(await store.read(selectAuthorities(store)), authority);
  if (!force) await checkUse(deps, authority, branch);
  const lists = await lastLists(deps, branch);
  return {
    steps: [
      ...(force ? [] : [noLiveLeaves(store, idsOf(branch))]),
      ...lists,
      ...branch.map(({ id }) =>
        moveAuthority(store, { id, from: ['requested', 'next', 'former'], to: 'retired' }),
      ),
      ...branch.map(({ kid }) => keys.remove(kid)),
    ],
    retired: branch.map(({ name }) => name),
  };
}

/** The authority and everything below it that is not retired yet. */
function branchOf(rows: readonly AuthorityRow[], top: AuthorityRow): readonly AuthorityRow[] {
  const below = rows.filter(({ parent, state }) => parent === top.id && state !== 'retired');
  return [top, ...below.flatMap((row) => branchOf(rows, row))];
}

async function checkUse(
  deps: RetireDeps,
  authority: AuthorityRow,
  branch: readonly AuthorityRow[],
): Promise<void> {
  const ids = idsOf(branch);
  const inUse = (await deps.store.read(selectLiveLeaves(deps.store))).filter((row) =>
    ids.includes(row.authority),
  );
  const live = inUse.reduce((sum, row) => sum + Number(row.live), 0);
  if (live > 0) {
    const until = new Date(Math.max(...inUse.map((row) => Number(row.until)))).toISOString();
    throw new Failure(
      'in_use',
      `${live} certificates of ${authority.name} are in use, the last until ${until}. Agents renew by themselves; wait, or refuse them with --force.`,
      { details: { live_leaves: live, until } },
    );
  }
  const tokens = authority.level === 'root' && authority.state === 'former' ? await deps.openTokens() : 0;
  if (tokens > 0) {
    throw new Failure(
      'in_use',
      `${tokens} join tokens pin ${authority.name} and are still good. Wait until they are used or have expired, or make them void with --force.`,
      { details: { join_tokens: tokens } },
    );
  }
}

function idsOf(branch: readonly AuthorityRow[]): readonly string[] {
  return branch.map(({ id }) => id);
}

/** An expired list would refuse everybody where the whole chain is checked; the last one lasts as long as it can. */
async function lastLists(deps: RetireDeps, branch: readonly AuthorityRow[]): Promise<readonly Step[]> {
  const { store, authorities, now } = deps;
  const revoked = await revokedBy(store, authorities, now);
  return branch.flatMap(({ id }) => {
    const authority = authorities.all.find((known) => known.id === id);
    const privateKey = authority?.privateKey ?? null;
    if (authority === undefined || privateKey === null) return [];
    const lifeMs = Math.max(notAfterOf(authority.certificate) - now, 1_000);
    const below = branch.filter(({ parent }) => parent === id);
    const list = issueList(
      { certificate: authority.certificate, privateKey },
      {
        revoked: [
          ...revoked(id),
          ...below.flatMap((child) => {
            const known = authorities.all.find((other) => other.id === child.id);
            return known === undefined ? [] : [{ serial: known.certificate.serialNumber, revokedAt: now }];
          }),
        ],
        now,
        lifeMs,
      },
    );
    return [setStoredList(store, { id, crl: list.der.toString('base64'), nextUpdate: list.nextUpdate })];
  });
}
