// An export of the trail: a batch of rows at a time in the order of the chain, with the signed heads where they were
// signed, so that whoever gets it needs no server to verify it.
import type { JWK } from 'jose';
import { exportedEvent, writeExportLine } from '../../protocol/audit-export.ts';
import type { AuditExportFormat, ExportLine } from '../../protocol/audit-export.ts';
import type { ChainPlace } from '../../protocol/audit-chain.ts';
import type { AuditKey } from '../../protocol/audit-head.ts';
import { Failure } from '../../protocol/failures.ts';
import { auditExportRowsMax } from '../../protocol/limits.ts';
import type { SigningKeys } from '../secrets/signing-keys.ts';
import type { AuditEventsTable } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { placeOf, selectEnd } from './chain.ts';
import { nothingRemoved, openCheckpoint, selectCheckpoint } from './checkpoints.ts';
import { auditKeys } from './heads.ts';

export interface ExportDeps {
  readonly store: Store;
  readonly signingKeys: SigningKeys;
  readonly clock: { now(): number };
}

export interface ExportQuery {
  readonly organization: string;
  readonly format: AuditExportFormat;
  /** The last position that the caller has already; 0: none. */
  readonly after: number;
}

/**
 * The export from behind `after` to the end of the chain as it is now, as pieces of whole lines. Begin it behind
 * `settle`, so that a signed head covers the last event. Throws `not_found` where retention has removed what comes
 * after `after`, and `invalid_request` where the chain does not reach to it.
 */
export async function exportAudit(deps: ExportDeps, query: ExportQuery): Promise<AsyncGenerator<string>> {
  const { store } = deps;
  const [ends, checkpoints] = await store.snapshot([
    selectEnd(store, query.organization),
    selectCheckpoint(store, query.organization),
  ]);
  const end = placeOf(ends?.[0]);
  if (end === null) throw new Failure('not_found', 'There is no such organization.');
  const removed = await openCheckpoint(deps.signingKeys, query.organization, checkpoints?.[0] as never);
  // What cannot be trusted is exported all the same, from the first event that is there: verifying it will tell.
  const start = await startOf(store, query, removed ?? nothingRemoved, end);
  const keys = [...(await auditKeys(deps.signingKeys)).values()].map(publicHalf);
  const { organization, format } = query;
  const first: ExportLine = {
    type: 'trail',
    version: 1,
    ...{ format, organization, store_incarnation: store.incarnation },
    ...{ after: start.position, hash: start.hash, until: end.position },
    removed: removed?.position ?? 0,
    keys,
    at: deps.clock.now(),
  };
  return linesOf(store, query, { first, start, end });
}

async function startOf(
  store: Store,
  { organization, after }: ExportQuery,
  removed: ChainPlace,
  end: ChainPlace,
): Promise<ChainPlace> {
  if (after > end.position) {
    throw new Failure(
      'invalid_request',
      `The trail ends with event ${end.position}; there is nothing behind event ${after}. Was a backup restored?`,
    );
  }
  if (after <= removed.position) {
    if (after === 0 || after === removed.position) return removed;
    throw new Failure(
      'not_found',
      `Retention has removed the events up to ${removed.position}: what lies behind event ${after} is not all there. ` +
        'Begin a new export.',
    );
  }
  const rows = await store.read(
    store.db
      .selectFrom('audit_events')
      .select('hash')
      .where('organization', '=', organization)
      .where('position', '=', after)
      .compile(),
  );
  return { position: after, hash: rows[0]?.hash ?? '' };
}

async function* linesOf(
  store: Store,
  { organization, format }: ExportQuery,
  range: { readonly first: ExportLine; readonly start: ChainPlace; readonly end: ChainPlace },
): AsyncGenerator<string> {
  const write = (line: ExportLine) => `${writeExportLine(line, format)}\n`;
  const { start, end } = range;
  let text = write(range.first);
  for (const jws of (await headsIn(store, organization, start.position - 1, start.position)).values()) {
    text += write({ type: 'head', jws });
  }
  yield text;
  for (let from = start.position; from < end.position;) {
    const rows: readonly AuditEventsTable[] = await store.read(
      store.db
        .selectFrom('audit_events')
        .selectAll()
        .where('organization', '=', organization)
        .where('position', '>', from)
        .where('position', '<=', end.position)
        .orderBy('position')
        .limit(auditExportRowsMax)
        .compile(),
    );
    const last = rows.at(-1)?.position ?? end.position;
    const heads = await headsIn(store, organization, from, last);
    text = '';
    for (const row of rows) {
      text += write(lineOf(row));
      const jws = heads.get(row.position ?? 0);
      if (jws !== undefined) text += write({ type: 'head', jws });
    }
    yield text;
    from = last;
  }
  yield write({ type: 'end', ...end });
}

function lineOf(row: AuditEventsTable): ExportLine {
  const { position, previous_hash, hash } = row;
  return exportedEvent(row, {
    position: position ?? 0,
    previous_hash: previous_hash ?? '',
    hash: hash ?? '',
  });
}

/** The newest head of each position behind `from` and up to `to`. */
async function headsIn(
  store: Store,
  organization: string,
  from: number,
  to: number,
): Promise<ReadonlyMap<number, string>> {
  const rows = await store.read(
    store.db
      .selectFrom('audit_heads')
      .select(['position', 'jws'])
      .where('organization', '=', organization)
      .where('position', '>', from)
      .where('position', '<=', to)
      .orderBy('number')
      .compile(),
  );
  return new Map(rows.map(({ position, jws }) => [position, jws]));
}

export function publicHalf(jwk: JWK): AuditKey {
  return { kty: 'EC', crv: 'P-256', x: jwk.x ?? '', y: jwk.y ?? '' };
}
