// Entitlements (F15): what the organization is entitled to, beside what anybody may do. Without a row nothing is
// limited. What has ended, or is used up, goes on through a grace, with a warning.
import type { Entitlement, EntitlementName } from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Store } from '../store/store.ts';
import type { EntitlementsTable } from '../store/tables-authority.ts';
import { countUsed, markExceeded, selectEntitlements } from './entitlement-store.ts';
import type { EntitlementRecord, Policy } from './policy.ts';

export interface EntitlementDeps {
  readonly store: Store;
  readonly authority: { policy(): Policy; now(): number };
}

export interface Verdict {
  readonly state: Entitlement['state'];
  /** Epoch ms at which a grace ends; null where there is none. */
  readonly graceUntil: number | null;
}

/**
 * Pure. `used` counts what is there already; asking for one more must still fit, so that `wanted` is 1 for something new
 * and 0 for a look at what is.
 */
export function judgeEntitlement(
  entitlement: EntitlementRecord,
  at: { readonly now: number; readonly used: number; readonly wanted: 0 | 1 },
): Verdict {
  const { quota, endsAt, graceMs, exceededAt } = entitlement;
  const ended = endsAt !== null && at.now >= endsAt;
  const exceeded = quota !== null && at.used + at.wanted > quota;
  if (!ended && !exceeded) return { state: 'granted', graceUntil: null };
  const since = Math.min(ended ? endsAt : Infinity, exceeded ? (exceededAt ?? at.now) : Infinity);
  const graceUntil = since + graceMs;
  if (at.now < graceUntil) return { state: 'grace', graceUntil };
  return { state: ended ? 'ended' : 'exceeded', graceUntil: null };
}

/**
 * Lets one more of something be made, or throws `entitlement_missing` (it has ended, or there was none) or
 * `quota_exceeded`. The answer is a sentence of warning in a grace, else null. Two that ask at the same moment may both
 * get the last one: a quota is a matter of business, not of safety.
 */
export async function demandEntitlement(
  deps: EntitlementDeps,
  name: EntitlementName,
): Promise<string | null> {
  const policy = deps.authority.policy();
  const { id: organization } = policy.organization;
  const entitlement = policy.entitlements.has(name)
    ? await readEntitlement(deps, { organization, name })
    : null;
  if (entitlement === null) return null;
  const now = deps.authority.now();
  const used = await usedOf(deps, name);
  const { state, graceUntil } = judgeEntitlement(entitlement, { now, used, wanted: 1 });
  await noteExceeded(deps, entitlement, { organization, now, isExceeded: exceeds(entitlement, used) });
  switch (state) {
    case 'granted':
      return null;
    case 'grace':
      return `${name}: the entitlement is used up or has ended; it goes on until ${new Date(graceUntil ?? now).toISOString()}`;
    case 'ended':
      throw new Failure('entitlement_missing', `The organization is not entitled to ${name} any more.`, {
        details: { entitlement: name, ends_at: entitlement.endsAt },
      });
    case 'exceeded':
      if (entitlement.quota === 0) {
        throw new Failure('entitlement_missing', `The organization is not entitled to ${name}.`, {
          details: { entitlement: name, quota: 0 },
        });
      }
      throw new Failure('quota_exceeded', `There are ${used} ${name} of ${String(entitlement.quota)}.`, {
        details: { entitlement: name, quota: entitlement.quota, used },
      });
  }
}

function exceeds({ quota }: EntitlementRecord, used: number): boolean {
  return quota !== null && used + 1 > quota;
}

/** The grace counts from the first time that there was too much, until there is not any more. */
async function noteExceeded(
  deps: EntitlementDeps,
  entitlement: EntitlementRecord,
  found: { readonly organization: string; readonly now: number; readonly isExceeded: boolean },
): Promise<void> {
  if (found.isExceeded === (entitlement.exceededAt !== null)) return;
  const { name } = entitlement;
  const at = found.isExceeded ? found.now : null;
  await deps.store.write([markExceeded(deps.store, { organization: found.organization, name, at })]);
}

/** As it is stored: since when there is too much does not move the policy. */
async function readEntitlement(
  { store }: EntitlementDeps,
  key: { readonly organization: string; readonly name: string },
): Promise<EntitlementRecord | null> {
  const rows = await store.read(selectEntitlements(store, key.organization));
  const row = rows.find(({ name }) => name === key.name);
  return row === undefined ? null : entitlementOf(row);
}

export function entitlementOf(row: EntitlementsTable): EntitlementRecord {
  const { name, quota, ends_at: endsAt, grace_ms: graceMs, exceeded_at: exceededAt } = row;
  return { name, quota, endsAt, graceMs, exceededAt };
}

/** 0 for what is not counted. */
export async function usedOf(deps: EntitlementDeps, name: EntitlementName): Promise<number> {
  const { id: organization } = deps.authority.policy().organization;
  const query = countUsed(deps.store, { name, organization, now: deps.authority.now() });
  if (query === null) return 0;
  const [row] = await deps.store.read(query);
  return Number(row?.used ?? 0);
}
