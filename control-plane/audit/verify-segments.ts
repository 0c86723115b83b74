// Checks the stretches of a chain side by side: in threads where the database is a file that each can open, else one
// after the other here, with a pause for others after every batch.
import { availableParallelism } from 'node:os';
import { setImmediate as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { auditVerifyRowsMax, auditVerifyThreadsMax } from '../../protocol/limits.ts';
import type { Mac } from '../secrets/mac-keys.ts';
import type { Store } from '../store/store.ts';
import { checkSegment, segmentsOf } from './segment.ts';
import type { Segment, SegmentVerdict } from './segment.ts';
import type { VerifyThreadData } from './verify-thread.ts';
import type { ChainedRow } from './walk.ts';

export interface VerifySegmentsDeps {
  readonly store: Store;
  readonly mac: Mac;
  readonly macKey: Uint8Array;
  /** Of the database, where it is one; null: it is read through the store. */
  readonly file: string | null;
}

/** Fewer events than this are not worth the start of a second thread. */
const worthAThread = 20 * auditVerifyRowsMax;

export async function verifySegments(
  deps: VerifySegmentsDeps,
  chain: {
    readonly organization: string;
    readonly from: number;
    readonly to: number;
    readonly expected: ReadonlyMap<number, string>;
  },
): Promise<readonly SegmentVerdict[]> {
  const { file } = deps;
  const { organization, expected } = chain;
  if (file === null || chain.to - chain.from <= auditVerifyRowsMax) {
    return Promise.all(
      segmentsOf(chain, expected, 1).map((segment) => verifyHere(deps, organization, segment)),
    );
  }
  const parts = Math.min(
    auditVerifyThreadsMax,
    availableParallelism(),
    Math.ceil((chain.to - chain.from) / worthAThread),
  );
  return Promise.all(
    segmentsOf(chain, expected, parts).map((segment) =>
      inThread({ file, organization, macKey: deps.macKey, segment }),
    ),
  );
}

async function inThread(data: VerifyThreadData): Promise<SegmentVerdict> {
  const thread = new Worker(new URL('./verify-thread.ts', import.meta.url), { workerData: data });
  try {
    return await new Promise((resolve, reject) => {
      thread.once('message', resolve);
      thread.once('error', reject);
      thread.once('exit', () => reject(new Error('a thread that verifies the audit ended early')));
    });
  } finally {
    await thread.terminate();
  }
}

async function verifyHere(
  { store, mac }: VerifySegmentsDeps,
  organization: string,
  segment: Segment,
): Promise<SegmentVerdict> {
  const check = checkSegment(mac, segment);
  const read = () =>
    store.read(
      store.db
        .selectFrom('audit_events')
        .selectAll()
        .where('organization', '=', organization)
        .where('position', '>', check.nextFrom())
        .where('position', '<=', segment.to)
        .orderBy('position')
        .limit(auditVerifyRowsMax)
        .compile(),
    );
  while (check.take((await read()) as unknown as readonly ChainedRow[])) await pause();
  return check.verdict();
}
