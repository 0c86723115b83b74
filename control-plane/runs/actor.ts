// Who changes a run, from what the choke point let through.
import { entryOf } from '../authority/change.ts';
import type { ChangeContext } from '../authority/change.ts';
import type { Actor } from './contract.ts';

export function actorOf(context: ChangeContext): Actor {
  return { caller: context.caller, entry: entryOf(context), guard: context.guard };
}
