// Reads an organization's whole trail and says whether anything in it was edited, removed, inserted or cut off.
import { auditDigest } from '../../protocol/audit-chain.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import { openExportedHead } from '../../protocol/audit-head.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditVerifyRowsMax, decisionsMax } from '../../protocol/limits.ts';
import { macMatches } from '../secrets/mac-keys.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { placeOf, selectEnd } from './chain.ts';
import { openCheckpoint, selectCheckpoint } from './checkpoints.ts';
import { sha256 } from './event.ts';
import { auditKeys } from './heads.ts';
import { joinSegments } from './segment.ts';
import { verifyHeads } from './verify-heads.ts';
import { verifySegments } from './verify-segments.ts';
import type { VerifySegmentsDeps } from './verify-segments.ts';

export interface Verification {
  readonly valid: boolean;
  /** How many events were read and found right, chained or not. */
  readonly events: number;
  readonly head: ChainPlace | null;
  /** The last event that retention removed, under a signed checkpoint; 0 where none was. */
  readonly removed: number;
  /** The first thing that is wrong, in a sentence. */
  readonly problem: string | null;
  /** The position of the event that it is wrong with, where there is one. */
  readonly problem_at: number | null;
}

export interface VerifyDeps extends VerifySegmentsDeps {
  readonly signingKeys: SigningKeys;
}

interface Asked {
  readonly organization: string;
  readonly kept: Awaited<ReturnType<typeof openExportedHead>> | null;
}

/**
 * Without `against` it finds every edit, removal and insertion up to the newest signed head, and a truncation that
 * left the signed heads; whoever can also remove those is found only by a head that was kept elsewhere: `against`
 * is such a head, as `Heads.newest` gave it. Throws `invalid_request` where `against` is no signed head.
 */
export async function verifyAudit(
  deps: VerifyDeps,
  options: { readonly organization: string; readonly against?: unknown },
): Promise<Verification> {
  const { organization } = options;
  const kept = options.against === undefined ? null : await openExportedHead(options.against);
  const checkpointOf = async () =>
    (await deps.store.read(selectCheckpoint(deps.store, organization)))[0]?.position;
  // Retention may remove what is being read; then it is read again.
  for (let tries = 1; ; tries += 1) {
    const before = await checkpointOf();
    const verdict = await verifyOnce(deps, { organization, kept });
    if (verdict.valid || tries >= decisionsMax || (await checkpointOf()) === before) return verdict;
  }
}

async function verifyOnce(deps: VerifyDeps, { organization, kept }: Asked): Promise<Verification> {
  // Heads before the end: the trail grows meanwhile, and a head must not be newer than the end that it is held to.
  const heads = await verifyHeads(deps, organization);
  const [checkpoint] = await deps.store.read(selectCheckpoint(deps.store, organization));
  const start = await openCheckpoint(deps.signingKeys, organization, checkpoint);
  const { end, first, last } = await readEnds(deps.store, organization);
  const removed = start?.position ?? 0;
  const failed = (problem: string, at: number | null = null, events = 0): Verification => ({
    ...{ valid: false, events, head: end, removed },
    ...{ problem, problem_at: at },
  });
  if (end === null) return failed('there is no such organization');
  if (heads.problem !== null) return failed(heads.problem);
  if (start === null) return failed('the checkpoint of what retention removed is not what was signed');
  if (last !== null && last > end.position)
    return failed(`event ${last} lies behind the end of the chain, which is ${end.position}`, last);
  if (first !== null && first <= start.position)
    return failed(`event ${first} lies before the first one that retention left`, first);

  const expected = new Map(heads.expected);
  const againstKept = kept === null ? null : await problemOfKept(deps, kept, { organization, end, start });
  if (againstKept !== null) return failed(againstKept, kept?.head.position);
  if (kept !== null) {
    const { position, hash } = kept.head;
    if ((expected.get(position) ?? hash) !== hash)
      return failed(`event ${position} is not the one of the kept head`, position);
    expected.set(position, hash);
  }
  const verdicts = await verifySegments(deps, {
    organization,
    from: start.position,
    to: end.position,
    expected,
  });
  const { at, fault } = joinSegments(start, verdicts);
  const events = at.position - start.position;
  if (fault !== null) return failed(fault.problem, fault.position, events);
  const cut = problemOfEnd({ at, end, expected });
  if (cut !== null) return failed(cut, end.position, events);
  const loose = await checkUnchained(deps, organization);
  if (loose.problem !== null) return failed(loose.problem, null, events + loose.events);
  return {
    ...{ valid: true, events: events + loose.events, head: end, removed },
    ...{ problem: null, problem_at: null },
  };
}

/** The end of the chain as recorded, and the first and last positions that there are, in one snapshot. */
async function readEnds(
  store: Store,
  organization: string,
): Promise<{
  readonly end: ChainPlace | null;
  readonly first: number | null;
  readonly last: number | null;
}> {
  const chained = store.db
    .selectFrom('audit_events')
    .select('position')
    .where('organization', '=', organization)
    .where('position', 'is not', null)
    .limit(1);
  const [ends, firsts, lasts] = await store.snapshot([
    selectEnd(store, organization),
    chained.orderBy('position').compile(),
    chained.orderBy('position', 'desc').compile(),
  ]);
  const positionOf = (rows: readonly Readonly<Record<string, unknown>>[] | undefined) =>
    rows?.[0] === undefined ? null : Number(rows[0]['position']);
  return { end: placeOf(ends?.[0]), first: positionOf(firsts), last: positionOf(lasts) };
}

function problemOfEnd(walked: {
  readonly at: ChainPlace;
  readonly end: ChainPlace;
  readonly expected: ReadonlyMap<number, string>;
}): string | null {
  const { at, end } = walked;
  if (at.hash !== end.hash) return `the chain does not end with event ${end.position} as recorded`;
  const later = [...walked.expected.keys()].reduce((most, position) => Math.max(most, position), 0);
  return later > end.position
    ? `the trail was cut off: a signed head names event ${later}, and it ends with ${end.position}`
    : null;
}

async function problemOfKept(
  deps: VerifyDeps,
  kept: NonNullable<Asked['kept']>,
  found: { readonly organization: string; readonly end: ChainPlace; readonly start: ChainPlace },
): Promise<string | null> {
  const { head, kid } = kept;
  if (head.organization !== found.organization) return 'the kept head is of another organization';
  if (head.position < found.start.position) {
    throw new Failure(
      'conflict',
      `The head names event ${head.position}, and retention has removed the events up to ${found.start.position}: ` +
        'nothing can be held to it any more. Use a newer head.',
    );
  }
  if (head.position > found.end.position) {
    const restored =
      head.store_incarnation === deps.store.incarnation
        ? ''
        : ' (the store was restored from a backup since that head was signed)';
    return `the trail was cut off: the kept head names event ${head.position}, and it ends with ${found.end.position}${restored}`;
  }
  if (head.position === found.start.position && head.hash !== found.start.hash)
    return `event ${head.position} is not the one of the kept head`;
  const keys = await auditKeys(deps.signingKeys);
  return keys.has(kid)
    ? null
    : 'the kept head was signed by a key that this store does not know: the key was replaced';
}

/** Events that wait for their position: only their authentication codes can be checked. */
async function checkUnchained(
  { store, mac }: VerifyDeps,
  organization: string,
): Promise<{ readonly events: number; readonly problem: string | null }> {
  let events = 0;
  let after = '';
  for (;;) {
    const rows: readonly AuditEventsTable[] = await store.read(
      store.db
        .selectFrom('audit_events')
        .selectAll()
        .where('organization', '=', organization)
        .where('position', 'is', null)
        .where('id', '>', after)
        .orderBy('id')
        .limit(auditVerifyRowsMax)
        .compile(),
    );
    for (const row of rows) {
      if (!macMatches(mac, auditDigest(sha256, row), row.mac)) {
        return { events, problem: `the event ${row.id}, not yet chained, was edited or inserted` };
      }
      events += 1;
      after = row.id;
    }
    if (rows.length < auditVerifyRowsMax) return { events, problem: null };
  }
}
