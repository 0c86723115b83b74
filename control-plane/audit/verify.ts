// Reads an organization's whole trail and says whether anything in it was edited, removed, inserted or cut off.
import { auditVerifyRowsMax } from '../../protocol/limits.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { AuditHeadsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { ChainEnd } from './chain.ts';
import { openChain } from './chain.ts';
import { headHash, openExportedHead, verifyHead } from './head.ts';
import { auditKeys } from './heads.ts';
import { checkUnchained, walkChain } from './walk.ts';

export interface Verification {
  readonly valid: boolean;
  /** How many events were read and found right, chained or not. */
  readonly events: number;
  readonly head: ChainEnd | null;
  /** The first thing that is wrong, in a sentence. */
  readonly problem: string | null;
}

export interface VerifyDeps {
  readonly store: Store;
  readonly mac: Mac;
  readonly signingKeys: SigningKeys;
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
  // Heads before the end: the trail grows meanwhile, and a head must not be newer than the end that it is held to.
  const heads = await readHeads(deps, organization);
  const end = await openChain(deps.store).end(organization);
  if (end === null) return failed(0, null, 'there is no such organization');
  if (typeof heads === 'string') return failed(0, end, heads);

  const expected = new Map(heads.map((head) => [head.position, head.hash]));
  if (kept !== null) {
    const problem = await problemOfKept(deps, kept, { organization, end });
    if (problem !== null) return failed(0, end, problem);
    const signed = expected.get(kept.head.position) ?? kept.head.hash;
    if (signed !== kept.head.hash)
      return failed(0, end, `event ${kept.head.position} is not the one of the kept head`);
    expected.set(kept.head.position, kept.head.hash);
  }
  const walked = await walkChain(deps, { organization, end, expected });
  if (walked.problem !== null) return failed(walked.events, end, walked.problem);
  const loose = await checkUnchained(deps, organization);
  if (loose.problem !== null) return failed(walked.events + loose.events, end, loose.problem);
  return { valid: true, events: walked.events + loose.events, head: end, problem: null };
}

function failed(events: number, head: ChainEnd | null, problem: string): Verification {
  return { valid: false, events, head, problem };
}

/** The heads of this organization, or what is wrong with the chain of all heads. */
async function readHeads(
  deps: VerifyDeps,
  organization: string,
): Promise<readonly { readonly position: number; readonly hash: string }[] | string> {
  const keys = [...(await auditKeys(deps.signingKeys)).values()];
  const own: { position: number; hash: string }[] = [];
  let previous: string | null = null;
  let number = 0;
  for (;;) {
    const rows: readonly AuditHeadsTable[] = await deps.store.read(
      deps.store.db
        .selectFrom('audit_heads')
        .selectAll()
        .where('number', '>', number)
        .orderBy('number')
        .limit(auditVerifyRowsMax)
        .compile(),
    );
    for (const row of rows) {
      const head = await verifyHead(row.jws, keys);
      if (head === null || head.number !== row.number)
        return `the signature of head ${row.number} does not hold`;
      if (head.number !== number + 1 || head.previous !== previous) return `head ${number + 1} is missing`;
      if (head.organization === organization) own.push({ position: head.position, hash: head.hash });
      previous = headHash(row.jws);
      number = head.number;
    }
    if (rows.length < auditVerifyRowsMax) return own;
  }
}

async function problemOfKept(
  deps: VerifyDeps,
  kept: Awaited<ReturnType<typeof openExportedHead>>,
  found: { readonly organization: string; readonly end: ChainEnd },
): Promise<string | null> {
  const { head, kid } = kept;
  if (head.organization !== found.organization) return 'the kept head is of another organization';
  if (head.position > found.end.position) {
    const restored =
      head.store_incarnation === deps.store.incarnation
        ? ''
        : ' (the store was restored from a backup since that head was signed)';
    return `the trail was cut off: the kept head names event ${head.position}, and it ends with ${found.end.position}${restored}`;
  }
  const keys = await auditKeys(deps.signingKeys);
  return keys.has(kid)
    ? null
    : 'the kept head was signed by a key that this store does not know: the key was replaced';
}
