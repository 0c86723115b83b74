// Reads the chain of all signed heads: each names the hash of the one before it, so the signature of the newest one
// holds for all of them.
import { headHash, readHead, verifyHead } from '../../protocol/audit-head.ts';
import type { AuditHead } from '../../protocol/audit-head.ts';
import { auditVerifyRowsMax } from '../../protocol/limits.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { AuditHeadsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { chainOfHeads, openCheckpoint, selectCheckpoint } from './checkpoints.ts';
import { auditKeys } from './heads.ts';

export interface HeadsVerdict {
  /** Hashes by position, as the heads of this organization name them. */
  readonly expected: ReadonlyMap<number, string>;
  readonly problem: string | null;
}

export async function verifyHeads(
  { store, signingKeys }: { readonly store: Store; readonly signingKeys: SigningKeys },
  organization: string,
): Promise<HeadsVerdict> {
  const expected = new Map<number, string>();
  const failed = (problem: string): HeadsVerdict => ({ expected, problem });
  const [checkpoint] = await store.read(selectCheckpoint(store, chainOfHeads));
  const base = await openCheckpoint(signingKeys, chainOfHeads, checkpoint);
  if (base === null) return failed('the checkpoint of the signed heads is not what was signed');
  let previous = base.position === 0 ? null : base.hash;
  let number = base.position;
  let last: AuditHeadsTable | null = null;
  for (;;) {
    const rows: readonly AuditHeadsTable[] = await store.read(selectHeadsAfter(store, number));
    for (const row of rows) {
      const head: AuditHead | null = readHead(row.jws);
      if (head === null || !isRowOf(row, head)) return failed(`head ${row.number} was changed`);
      if (head.number !== number + 1) return failed(`head ${number + 1} is missing`);
      if (head.previous !== previous) return failed(`head ${number === 0 ? 1 : number} was changed`);
      if (head.organization === organization) expected.set(head.position, head.hash);
      previous = headHash(row.jws);
      number = head.number;
      last = row;
    }
    if (rows.length < auditVerifyRowsMax) break;
  }
  if (last === null) return { expected, problem: null };
  const keys = [...(await auditKeys(signingKeys)).values()];
  if ((await verifyHead(last.jws, keys)) === null)
    return failed(`the signature of head ${last.number} does not hold`);
  return { expected, problem: null };
}

/** What is looked up by its columns must be what was signed. */
function isRowOf(row: AuditHeadsTable, { number, organization, position, hash }: AuditHead): boolean {
  return (
    row.number === number &&
    row.organization === organization &&
    row.position === position &&
    row.hash === hash
  );
}

function selectHeadsAfter(store: Store, number: number) {
  return store.db
    .selectFrom('audit_heads')
    .selectAll()
    .where('number', '>', number)
    .orderBy('number')
    .limit(auditVerifyRowsMax)
    .compile();
}
