// An agent refuses an offer: for a reason of its own, and another one gets the run; or for one that any agent would
// give, and the run ends (rules.md 9).
import type { AgentFrame } from '../../protocol/frames.ts';
import type { FailureCode } from '../../protocol/failures.ts';
import { isFinal } from '../../protocol/states.ts';
import type { AgentConnection } from '../channel/contract.ts';
import { auditByAgent } from './audit-entry.ts';
import { decideAgain } from './commit.ts';
import { completeRun } from './complete.ts';
import { conclude } from './conclude.ts';
import type { RunFacts } from './contract.ts';
import { answerOutsider, readStanding } from './fence.ts';
import { giveBack } from './give-back.ts';
import type { RunParts } from './parts.ts';

export type RefuseFrame = Extract<AgentFrame, { type: 'refuse' }>;

/** Refusals that are about this agent only. */
const transientCodes: ReadonlySet<string> = new Set<FailureCode>([
  'busy',
  'draining',
  'disk_full',
  'clock_skew',
  'cannot_open',
  'digest_gone',
  'limit_reached',
]);

export async function refuseRun(
  parts: RunParts,
  connection: AgentConnection,
  frame: RefuseFrame,
): Promise<void> {
  await decideAgain(async (again) => {
    const standing = await readStanding(parts, connection, frame, { again, needs: 'offered' });
    if (standing.kind !== 'mine') return answerOutsider(parts, connection, frame, standing);
    const { run } = standing;
    if (run.state === 'offered') return takeRefusal(parts, connection, run, frame);
    if (isFinal(run.state)) {
      const { attempt } = frame;
      connection.send({
        type: 'ack',
        run: run.id,
        attempt,
        seq: run.last_wire_seq,
        ended: true,
        pruned: false,
      });
      return;
    }
    // It had accepted already, so its refusal is the end of the run: nobody else may start it.
    const { code, message, attempt } = frame;
    await completeRun(parts, connection, {
      run,
      reports: [],
      end: {
        type: 'end',
        run: run.id,
        attempt,
        last_seq: run.last_wire_seq,
        outcome: {
          result: 'failed',
          code,
          message,
          duration_ms: 0,
          operations: [],
          outputs: {},
          truncated: false,
          survivors: [],
        },
      },
    });
  });
}

async function takeRefusal(
  parts: RunParts,
  connection: AgentConnection,
  run: RunFacts,
  frame: RefuseFrame,
): Promise<void> {
  const { code, message } = frame;
  const guards = [parts.sql.session({ agent: connection.agentId, session: connection.session })];
  const seat = parts.seats.of(connection);
  if (transientCodes.has(code)) {
    // It asks again when it can take more.
    if (seat !== null) seat.granted = 0;
    await giveBack(parts, run, { trigger: 'refuse_transient', code, message, guards });
  } else {
    const agent = seat?.agent ?? { id: connection.agentId, name: connection.agentId };
    await conclude(parts, run, {
      trigger: 'refuse_final',
      code,
      message,
      guards,
      audit: auditByAgent(agent, connection.session, run, {
        operation: 'run.end',
        details: { state: 'refused', code },
      }),
    });
  }
  await parts.faultPoint?.('after-refuse-commit');
}
