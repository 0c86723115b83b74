// A run whose agent was not heard of until its timeout and a grace had passed is indeterminate (rules.md 7): never
// timed out, because nobody saw it, and never before a live session could have said that it goes on.
import { agentWatchdogMs, lostAgentGraceMs } from '../../protocol/limits.ts';
import { conclude } from './conclude.ts';
import { forEachRun } from './for-each-run.ts';
import { listOf } from './lists.ts';
import type { RunParts } from './parts.ts';

export async function giveUpLost(parts: RunParts): Promise<void> {
  // After a start, of this process or of the database, the agents need a while to find back; until then nobody is lost.
  const since = parts.inTouchSince === undefined ? parts.startedAt : parts.inTouchSince();
  if (since === null || parts.clock.now() - since < lostAgentGraceMs) return;
  const overdue = await parts.store.read(parts.reads.overdue({ marginMs: lostAgentGraceMs }));
  const absent = overdue.filter(({ agent }) => agent !== null && parts.seats.ofAgent(agent) === null);
  if (absent.length === 0) return;
  const agents = listOf(new Set(absent.flatMap(({ agent }) => agent ?? [])));
  const silence = await parts.store.read(parts.reads.silence({ agents }));
  const silent = new Set(silence.filter(isSilent).map(({ id }) => id));
  await forEachRun(
    absent.filter(({ agent }) => agent !== null && silent.has(agent)),
    (run) =>
      conclude(parts, run, {
        trigger: 'interrupt',
        code: 'agent_lost',
        message: 'The agent was not heard of again. What it reports later is kept and may settle this.',
      }),
  );
}

/** Connected to no control plane for a while, by the rows: whoever holds it would have seen it a moment ago. */
function isSilent(agent: {
  readonly now: number;
  readonly last_seen_at: number | null;
  readonly connected_at: number | null;
  readonly disconnected_at: number | null;
}): boolean {
  const heard = Math.max(agent.last_seen_at ?? 0, agent.connected_at ?? 0);
  if (agent.disconnected_at === null) return heard + agentWatchdogMs < agent.now;
  // It may be on its way from one process to another.
  return Math.max(heard, agent.disconnected_at) + lostAgentGraceMs <= agent.now;
}
