// One lane for each run of a connection: its frames are handled in order, and what gathered while a commit was under
// way goes into the next one together. A full lane makes the socket wait.
import { closeCodes } from '../../protocol/frames.ts';
import { Failure } from '../../protocol/failures.ts';
import { frameRetryMs, runFramesPendingMax } from '../../protocol/limits.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { GuardFailed } from '../store/store.ts';
import { acceptRun } from './accept.ts';
import type { AcceptFrame } from './accept.ts';
import { outcomeUnknown } from './commit.ts';
import type { EndFrame } from './complete.ts';
import type { ReportFrame } from './events.ts';
import type { RunParts } from './parts.ts';
import { storeReports } from './progress.ts';
import type { ReportBatch } from './progress.ts';
import { refuseRun } from './refuse.ts';
import type { RefuseFrame } from './refuse.ts';

export type RunFrame = AcceptFrame | RefuseFrame | ReportFrame | EndFrame;

interface Lane {
  readonly pending: RunFrame[];
  working: Promise<void> | null;
}

export interface Lanes {
  /** Takes a frame; resolves when there is room for the next one. */
  push(connection: AgentConnection, frame: RunFrame): Promise<void>;
  /** Resolves when nothing of any connection waits. */
  idle(): Promise<void>;
}

export function openLanes(partsOf: () => RunParts): Lanes {
  const lanes = new Map<AgentConnection, Map<string, Lane>>();

  const work = async (connection: AgentConnection, run: string, lane: Lane): Promise<void> => {
    // Frames that came in one read are all here before the first is handled; an accept does not wait for others.
    if (lane.pending[0]?.type !== 'accept') await new Promise((resolve) => setImmediate(resolve));
    while (lane.pending.length > 0) {
      const frames = lane.pending.splice(0);
      try {
        for (const piece of piecesOf(frames)) await handleWhenStored(partsOf(), connection, piece);
      } catch (error) {
        lane.pending.length = 0;
        giveUp(partsOf(), connection, { run, error });
      }
    }
    const mine = lanes.get(connection);
    mine?.delete(run);
    if (mine?.size === 0) lanes.delete(connection);
  };

  return {
    async push(connection, frame) {
      const mine = lanes.get(connection) ?? new Map<string, Lane>();
      lanes.set(connection, mine);
      const lane = mine.get(frame.run) ?? { pending: [], working: null };
      mine.set(frame.run, lane);
      lane.pending.push(frame);
      lane.working ??= work(connection, frame.run, lane).finally(() => {
        lane.working = null;
      });
      if (lane.pending.length >= runFramesPendingMax) await lane.working;
    },
    async idle() {
      while (lanes.size > 0) {
        const working = [...lanes.values()].flatMap((mine) => [...mine.values()]);
        for (const lane of working) await lane.working;
      }
    },
  };
}

type Piece = AcceptFrame | RefuseFrame | ReportBatch;

/** Cuts frames into what one unit can take: reports of one attempt with their end, or a single answer to an offer. */
export function piecesOf(frames: readonly RunFrame[]): readonly Piece[] {
  const pieces: Piece[] = [];
  let reports: ReportFrame[] = [];
  const flush = (end: EndFrame | null): void => {
    const named = end ?? reports[0];
    if (named === undefined) return;
    pieces.push({ run: named.run, attempt: named.attempt, reports, end });
    reports = [];
  };
  for (const frame of frames) {
    if (reports[0] !== undefined && reports[0].attempt !== frame.attempt) flush(null);
    if (frame.type === 'end') {
      flush(frame);
    } else if (frame.type === 'accept' || frame.type === 'refuse') {
      flush(null);
      pieces.push(frame);
    } else {
      reports.push(frame);
    }
  }
  flush(null);
  return pieces;
}

/**
 * While the database is away the frame waits here, and what the agent sends behind it fills its window: it stays
 * connected and goes on working. Every frame is decided on the row each time, so that it may be tried again.
 */
async function handleWhenStored(parts: RunParts, connection: AgentConnection, piece: Piece): Promise<void> {
  for (;;) {
    try {
      return await handle(parts, connection, piece);
    } catch (error) {
      if (!isAway(error) || connection.isOpen?.() === false) throw error;
      await new Promise<void>((resolve) => parts.clock.after(frameRetryMs, resolve));
    }
  }
}

function isAway(error: unknown): boolean {
  return outcomeUnknown(error) || (error instanceof Failure && error.code === 'store_unavailable');
}

function handle(parts: RunParts, connection: AgentConnection, piece: Piece): Promise<void> {
  if (!('type' in piece)) return storeReports(parts, connection, piece);
  return piece.type === 'accept' ? acceptRun(parts, connection, piece) : refuseRun(parts, connection, piece);
}

/** Nothing was answered, so the agent says it again on a new connection. */
function giveUp(
  parts: RunParts,
  connection: AgentConnection,
  { run, error }: { readonly run: string; readonly error: unknown },
): void {
  if (error instanceof GuardFailed && error.guard === 'session') {
    connection.close(closeCodes.session_replaced, 'session_replaced');
    return;
  }
  parts.report({
    kind: 'frame_refused',
    run,
    agent: connection.agentId,
    message: 'a frame could not be handled',
    cause: error,
  });
  const code = error instanceof Failure ? error.code : 'unavailable';
  connection.close(closeCodes.unavailable, code);
}
