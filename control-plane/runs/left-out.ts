// Whom a run leaves out: agents that refused it for a reason of their own, each until a time (rules.md 9).
import { z } from 'zod';
import { parseJson } from '../../protocol/json.ts';
import { leftOutMsMax, leftOutMsMin } from '../../protocol/limits.ts';

const leftOutSchema = z.record(z.string(), z.number());

/** Agent ids with the epoch ms until which each is left out. */
function parseLeftOut(text: string): ReadonlyMap<string, number> {
  return new Map(Object.entries(leftOutSchema.parse(parseJson(text))));
}

/** Leaves an agent out from `now` on, for longer with each attempt, so that one that always refuses costs little. */
export function leaveOut(
  text: string,
  refused: { readonly agent: string; readonly attempt: number; readonly now: number },
): string {
  const { agent, attempt, now } = refused;
  const delay = Math.min(leftOutMsMin * 2 ** Math.min(attempt - 1, 20), leftOutMsMax);
  return textOf(new Map([...parseLeftOut(text), [agent, now + delay]]));
}

/** Lets back in whose time is over. */
export function readmit(text: string, now: number): string {
  return textOf(new Map([...parseLeftOut(text)].filter(([, until]) => until > now)));
}

/** True while the agent is in the list; the claim's SQL asks the same of the text. */
export function isLeftOut(text: string, agent: string): boolean {
  return text !== '{}' && parseLeftOut(text).has(agent);
}

function textOf(leftOut: ReadonlyMap<string, number>): string {
  return JSON.stringify(Object.fromEntries(leftOut));
}
