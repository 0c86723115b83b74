// Retention: events that are older than an organization keeps them go, and so do old signed heads. A signed checkpoint
// stays in their place. What does not verify is never removed, for it is evidence, and neither is what contradicts it.
import { headHash } from '../../protocol/audit-head.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditHeadsKeptMs, auditPruneRowsMax } from '../../protocol/limits.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import { step } from '../store/step.ts';
import { GuardFailed } from '../store/store.ts';
import type { Step, Store } from '../store/store.ts';
import { placeOf, selectEnd } from './chain.ts';
import { findContradiction } from './contradiction.ts';
import { chainOfHeads, moveCheckpoint, openCheckpoint, selectCheckpoint } from './checkpoints.ts';
import { joinSegments } from './segment.ts';
import { selectAllSettings } from './settings.ts';
import type { AuditTrail } from './trail.ts';
import { verifyHeads } from './verify-heads.ts';
import { verifySegments } from './verify-segments.ts';
import type { VerifySegmentsDeps } from './verify-segments.ts';

export interface PruneDeps extends VerifySegmentsDeps {
  readonly signingKeys: SigningKeys;
  readonly trail: Pick<AuditTrail, 'step'>;
  readonly clock: { now(): number };
}

const dayMs = 86_400_000;

/** Resolves with how many events and heads went. Throws `conflict` where something does not verify. */
export async function pruneAudit(deps: PruneDeps): Promise<{ events: number; heads: number }> {
  let events = 0;
  for (const { organization, retention_days: days } of await deps.store.read(selectAllSettings(deps.store))) {
    if (days === null) continue;
    const before = deps.clock.now() - days * dayMs;
    await refuseContradiction(deps, organization);
    for (let count = -1; count !== 0; events += count) {
      count = await unlessOvertaken(() => pruneEvents(deps, { organization, before }));
    }
  }
  return { events, heads: await unlessOvertaken(() => pruneHeads(deps)) };
}

/** Its signed heads hold, and the chain has what they name. */
async function refuseContradiction(deps: PruneDeps, organization: string): Promise<void> {
  const problem =
    (await verifyHeads(deps, organization)).problem ?? (await findContradiction(deps, organization));
  if (problem !== null) throw broken(problem);
}

/** Another process that prunes at the same time makes a guard fail; it does the work, then. */
async function unlessOvertaken(prune: () => Promise<number>): Promise<number> {
  try {
    return await prune();
  } catch (cause) {
    if (cause instanceof GuardFailed) return 0;
    throw cause;
  }
}

/** One batch from the old end of the chain. The newest event stays, whatever its age. */
async function pruneEvents(
  deps: PruneDeps,
  { organization, before }: { readonly organization: string; readonly before: number },
): Promise<number> {
  const { store, signingKeys } = deps;
  const [ends, checkpoints] = await store.snapshot([
    selectEnd(store, organization),
    selectCheckpoint(store, organization),
  ]);
  const end = placeOf(ends?.[0]);
  const from = await openCheckpoint(signingKeys, organization, checkpoints?.[0] as never);
  if (from === null) throw broken('its checkpoint is not what was signed');
  if (end === null) return 0;
  const range = { from: from.position, to: Math.min(end.position - 1, from.position + auditPruneRowsMax) };
  const to = await lastBefore(store, organization, { ...range, before });
  if (to <= from.position) return 0;

  const chain = { organization, from: from.position, to, expected: new Map<number, string>() };
  const { at, fault } = joinSegments(from, await verifySegments(deps, chain));
  if (fault !== null) throw broken(fault.problem);
  const key = await signingKeys.ensure({ purpose: 'audit' });
  const removed = to - from.position;
  await store.write([
    ...(await moveCheckpoint(store, key, { organization, from, to: at, at: deps.clock.now() })),
    removeEvents(store, organization, to),
    deps.trail.step({
      organization,
      principal: null,
      operation: 'audit.prune',
      permission: null,
      resource: 'audit',
      result: 'allowed',
      decision: null,
      details: { removed, through: at.position, hash: at.hash, before },
      request: {},
    }),
  ]);
  return removed;
}

function broken(problem: string): Failure {
  return new Failure('conflict', `The audit is not pruned, because it does not verify: ${problem}.`);
}

/** The last position of the range before which all events are old enough. */
async function lastBefore(
  store: Store,
  organization: string,
  range: { readonly from: number; readonly to: number; readonly before: number },
): Promise<number> {
  const [young] = await store.read(
    store.db
      .selectFrom('audit_events')
      .select('position')
      .where('organization', '=', organization)
      .where('position', '>', range.from)
      .where('position', '<=', range.to)
      .where('at', '>=', range.before)
      .orderBy('position')
      .limit(1)
      .compile(),
  );
  return young?.position === undefined || young.position === null ? range.to : young.position - 1;
}

function removeEvents(store: Store, organization: string, to: number): Step {
  return step(
    store.db
      .deleteFrom('audit_events')
      .where('organization', '=', organization)
      .where('position', 'is not', null)
      .where('position', '<=', to),
  );
}

/** Heads from the oldest on. The newest of each organization stays: agents hold it to those that they keep. */
async function pruneHeads(deps: PruneDeps): Promise<number> {
  const { store, signingKeys, clock } = deps;
  const [checkpoint] = await store.read(selectCheckpoint(store, chainOfHeads));
  const from = await openCheckpoint(signingKeys, chainOfHeads, checkpoint);
  const { problem } = await verifyHeads(deps, chainOfHeads);
  if (from === null || problem !== null) throw broken(problem ?? 'a checkpoint is not what was signed');
  const old = store.db
    .selectFrom('audit_heads')
    .select(['number', 'jws'])
    .where('number', '<=', from.position + auditPruneRowsMax)
    .where('at', '<', clock.now() - auditHeadsKeptMs);
  const newest = await store.read(
    store.db
      .selectFrom('audit_heads')
      .select((build) => ['organization', build.fn.max('number').as('number')])
      .groupBy('organization')
      .compile(),
  );
  const kept = newest.reduce((least, { number }) => Math.min(least, Number(number)), Number.MAX_SAFE_INTEGER);
  const [last] = await store.read(
    old.where('number', '<', kept).orderBy('number', 'desc').limit(1).compile(),
  );
  if (last === undefined) return 0;
  // Once a head is gone, a chain that was written anew behind its back is whole.
  for (const { organization } of newest) {
    const contradiction = await findContradiction(deps, organization);
    if (contradiction !== null) throw broken(contradiction);
  }
  const to = { position: last.number, hash: headHash(last.jws) };
  const key = await signingKeys.ensure({ purpose: 'audit' });
  await store.write([
    ...(await moveCheckpoint(store, key, { organization: chainOfHeads, from, to, at: clock.now() })),
    step(store.db.deleteFrom('audit_heads').where('number', '<=', last.number)),
  ]);
  return last.number - from.position;
}
