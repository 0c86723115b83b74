// What an agent reports while a run goes on: stored in batches, each report once, in order, without gaps, and
// acknowledged when it is durable (rules.md 14).
import { closeCodes } from '../../protocol/frames.ts';
import { isFinal } from '../../protocol/states.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { commitRun, decideAgain } from './commit.ts';
import type { NumberedEvent } from './commit.ts';
import { completeRun } from './complete.ts';
import type { EndFrame } from './complete.ts';
import type { RunFacts } from './contract.ts';
import { reportEvent } from './events.ts';
import type { ReportFrame } from './events.ts';
import { answerOutsider, readStanding, remember } from './fence.ts';
import type { RunParts } from './parts.ts';

/** Reports of one attempt in the order in which they came, and its end where that came too. */
export interface ReportBatch {
  readonly run: string;
  readonly attempt: number;
  readonly reports: readonly ReportFrame[];
  readonly end: EndFrame | null;
}

export async function storeReports(
  parts: RunParts,
  connection: AgentConnection,
  batch: ReportBatch,
): Promise<void> {
  await decideAgain(async (again) => {
    const standing = await readStanding(parts, connection, batch, { again, needs: 'running' });
    if (standing.kind !== 'mine') return answerOutsider(parts, connection, batch, standing);
    const { run } = standing;
    if (run.state === 'offered') return refuseUnaccepted(parts, connection, run);
    if (isFinal(run.state) && run.state !== 'indeterminate') return acknowledge(connection, run, true);
    const { fresh, last, gap } = freshReports(batch.reports, run.last_wire_seq);
    if (batch.end !== null && isComplete(batch.end, { last, gap })) {
      return completeRun(parts, connection, { run, reports: fresh, end: batch.end });
    }
    if (fresh.length > 0) await store(parts, connection, { run, fresh, last });
    acknowledge(connection, { ...run, last_wire_seq: last }, false);
    // The agent sends again from what is acknowledged when it has connected anew.
    if (gap || batch.end !== null) {
      parts.report({ kind: 'frame_refused', run: run.id, agent: connection.agentId, message: 'a gap' });
      connection.close(closeCodes.protocol_error, 'protocol_error', 'Reports are missing before this one.');
    }
  });
}

/** Reports that are not stored yet, up to the first gap. Pure. */
export function freshReports(
  reports: readonly ReportFrame[],
  stored: number,
): { readonly fresh: readonly NumberedEvent[]; readonly last: number; readonly gap: boolean } {
  const fresh: NumberedEvent[] = [];
  let last = stored;
  for (const report of reports) {
    if (report.seq <= last) continue;
    if (report.seq > last + 1) return { fresh, last, gap: true };
    fresh.push({ event: reportEvent(report), wireSeq: report.seq });
    last = report.seq;
  }
  return { fresh, last, gap: false };
}

/** All that came before the end is stored with it, or the run is marked truncated. */
function isComplete(end: EndFrame, have: { readonly last: number; readonly gap: boolean }): boolean {
  return end.outcome.truncated || (!have.gap && have.last >= end.last_seq);
}

async function store(
  parts: RunParts,
  connection: AgentConnection,
  found: { readonly run: RunFacts; readonly fresh: readonly NumberedEvent[]; readonly last: number },
): Promise<void> {
  const { run, fresh, last } = found;
  const { agentId, session } = connection;
  await parts.faultPoint?.('before-report-commit');
  await commitRun(parts, {
    run: run.id,
    attempt: run.attempt,
    facts: run,
    steps: [
      parts.sql.session({ agent: agentId, session }),
      parts.sql.report({
        run: run.id,
        attempt: run.attempt,
        agent: agentId,
        events: fresh.length,
        expected: run.last_wire_seq,
        seq: last,
      }),
    ],
    events: fresh,
  });
  remember(parts, connection, { ...run, last_wire_seq: last });
  await parts.faultPoint?.('after-report-commit');
}

function acknowledge(connection: AgentConnection, run: RunFacts, ended: boolean): void {
  const { id, attempt, last_wire_seq: seq } = run;
  connection.send({ type: 'ack', run: id, attempt, seq, ended, pruned: false });
}

/** Nothing starts before its `go`, so there is nothing to report. */
function refuseUnaccepted(parts: RunParts, connection: AgentConnection, run: RunFacts): void {
  parts.report({
    kind: 'frame_refused',
    run: run.id,
    agent: connection.agentId,
    message: 'a report about a run that was not accepted',
  });
  connection.close(closeCodes.protocol_error, 'protocol_error', 'The run was not accepted.');
}
