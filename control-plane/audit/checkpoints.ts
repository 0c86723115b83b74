// Signed checkpoints: up to where retention removed events (or heads), and what the rest takes up from there. Whoever
// removes events has no key for a checkpoint that would excuse it.
import type { CompiledQuery } from 'kysely';
import { auditGenesisHash } from '../../protocol/audit-chain.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import { signCheckpoint, verifyCheckpoint } from '../../protocol/audit-head.ts';
import type { SigningKey, SigningKeys } from '../secrets/signing-keys.ts';
import type { AuditCheckpointsTable } from '../store/tables-audit.ts';
import { step } from '../store/step.ts';
import type { Step, Store } from '../store/store.ts';
import { auditKeys } from './heads.ts';

/** Stands in the place of an organization for the chain of all heads. */
export const chainOfHeads = '';

/** Before the first event: nothing was removed. */
export const nothingRemoved: ChainPlace = { position: 0, hash: auditGenesisHash };

export function selectCheckpoint(store: Store, organization: string): CompiledQuery<AuditCheckpointsTable> {
  return store.db
    .selectFrom('audit_checkpoints')
    .selectAll()
    .where('organization', '=', organization)
    .compile();
}

/** Where the rest begins, or null where the row is not what the audit key signed. */
export async function openCheckpoint(
  signingKeys: SigningKeys,
  organization: string,
  row: AuditCheckpointsTable | undefined,
): Promise<ChainPlace | null> {
  if (row === undefined) return nothingRemoved;
  const checkpoint = await verifyCheckpoint(row.jws, [...(await auditKeys(signingKeys)).values()]);
  if (checkpoint?.organization !== organization) return null;
  if (checkpoint.position !== row.position || checkpoint.hash !== row.hash) return null;
  return { position: checkpoint.position, hash: checkpoint.hash };
}

/** Steps that move a checkpoint from where it was read to `to`; their guards fail where another process was faster. */
export async function moveCheckpoint(
  store: Store,
  key: SigningKey,
  move: {
    readonly organization: string;
    readonly from: ChainPlace;
    readonly to: ChainPlace;
    readonly at: number;
  },
): Promise<readonly Step[]> {
  const { organization, from, to, at } = move;
  const statement = { organization, ...to, at, store_incarnation: store.incarnation };
  const row = { organization, ...to, at, jws: await signCheckpoint(statement, key) };
  const removeOld = store.db
    .deleteFrom('audit_checkpoints')
    .where('organization', '=', organization)
    .where('position', '=', from.position);
  return [
    step(removeOld, { name: 'checkpoint', exactly: from.position === 0 ? 0 : 1 }),
    step(store.db.insertInto('audit_checkpoints').values(row)),
  ];
}
