// What a press is decided on, read in one trip to the store where it can be: what was pressed a moment ago is mostly
// what is pressed now, so its facts are read beside the action itself, and thrown away where the action turns out to
// be another one.
import { readAction } from '../actions/read.ts';
import { storedInputs } from '../variables/stored-inputs.ts';
import type { StoredInput } from '../variables/stored-inputs.ts';
import type { OperationFacts } from './neighbours.ts';
import type { RunParts } from './parts.ts';

type Reading = Pick<RunParts, 'store' | 'secrets' | 'neighbours'>;

export interface PressFacts {
  /** Null where the group is not there any more. */
  readonly operation: OperationFacts | null;
  readonly stored: ReadonlyMap<string, StoredInput>;
}

interface PressedPlace {
  readonly organization: string;
  readonly action: {
    readonly id: string;
    readonly project: string;
    readonly group_id: string;
    readonly operation: string;
  };
}

export async function readPressFacts(
  parts: Reading,
  { organization, action }: PressedPlace,
): Promise<PressFacts> {
  const { id, project, group_id: group, operation } = action;
  const [facts, stored] = await Promise.all([
    parts.neighbours.operation({ group, operation }),
    storedInputs(parts, { organization, project, id }),
  ]);
  return { operation: facts, stored };
}

const guessesMax = 1_000;

/** The action that a path names, with its facts; `readAction` throws `not_found`. */
export function openPressReader(parts: Reading) {
  const guesses = new Map<string, PressedPlace['action']>();
  return async (of: {
    readonly organization: string;
    readonly project: string;
    readonly reference: string;
  }) => {
    const { organization, project, reference } = of;
    const key = `${project} ${reference}`;
    const guess = guesses.get(key);
    const guessed = guess === undefined ? null : readPressFacts(parts, { organization, action: guess });
    guessed?.catch(() => undefined);
    const action = await readAction(parts.store, project, reference);
    if (guess !== undefined && guessed !== null && isSame(guess, action)) {
      return { action, facts: await guessed };
    }
    if (guesses.size >= guessesMax) guesses.clear();
    guesses.set(key, action);
    return { action, facts: await readPressFacts(parts, { organization, action }) };
  };
}

function isSame(a: PressedPlace['action'], b: PressedPlace['action']): boolean {
  return a.id === b.id && a.group_id === b.group_id && a.operation === b.operation;
}
