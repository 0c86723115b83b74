// Entry of a thread that checks one stretch of a chain through a connection of its own, so that the requests of others
// go on meanwhile.
import { parentPort, workerData } from 'node:worker_threads';
import { auditVerifyRowsMax } from '../../protocol/limits.ts';
import { macOf } from '../secrets/mac-keys.ts';
import { openReadingConnection } from '../store/sqlite/connection.ts';
import { checkSegment } from './segment.ts';
import type { Segment, SegmentVerdict } from './segment.ts';
import type { ChainedRow } from './walk.ts';

export interface VerifyThreadData {
  readonly file: string;
  readonly organization: string;
  readonly macKey: Uint8Array;
  readonly segment: Segment;
}

const columns = [
  'id',
  'organization',
  'at',
  'principal',
  'actors',
  'operation',
  'permission',
  'resource',
  'result',
  'decision',
  'details',
  'request',
  'mac',
  'position',
  'previous_hash',
  'hash',
] as const satisfies readonly (keyof ChainedRow)[];

function verifySegment({ file, organization, macKey, segment }: VerifyThreadData): SegmentVerdict {
  const connection = openReadingConnection(file);
  try {
    const check = checkSegment(macOf(macKey), segment);
    const statement = connection.database.prepare(
      `select ${columns.join(', ')} from audit_events
       where organization = ? and position > ? and position <= ? order by position limit ${auditVerifyRowsMax}`,
    );
    // A list costs less to make than an object with names, and there are very many.
    statement.setReturnArrays(true);
    const read = () => {
      const rows = statement.all(organization, check.nextFrom(), segment.to);
      return (rows as unknown as readonly (readonly unknown[])[]).map(rowOf);
    };
    while (check.take(read()));
    return check.verdict();
  } finally {
    connection.close();
  }
}

/** In the order of `columns`. */
function rowOf(list: readonly unknown[]): ChainedRow {
  return {
    id: list[0],
    organization: list[1],
    at: list[2],
    principal: list[3],
    actors: list[4],
    operation: list[5],
    permission: list[6],
    resource: list[7],
    result: list[8],
    decision: list[9],
    details: list[10],
    request: list[11],
    mac: list[12],
    position: list[13],
    previous_hash: list[14],
    hash: list[15],
  } as ChainedRow;
}

parentPort?.postMessage(verifySegment(workerData as VerifyThreadData));
