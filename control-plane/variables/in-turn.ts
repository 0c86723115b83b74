// Writers of one variable go one after the other, so that each event says what its writer has replaced, and nobody is
// turned away because somebody else was faster. Between processes the guards see to it.
import { variableTriesMax } from '../../protocol/limits.ts';
import { GuardFailed } from '../store/store.ts';
import type { Store } from '../store/store.ts';

/** `action` is an id, or '' for the project's. */
export interface VariableKey {
  readonly project: string;
  readonly action: string;
  readonly name: string;
}

const turnsOf = new WeakMap<Store, Map<string, Promise<unknown>>>();

/**
 * Makes a change of a variable when those before it are done; again, `variableTriesMax` times at the most, where
 * another process was faster. Throws GuardFailed then, and whatever `change` throws.
 */
export async function inTurn<T>(store: Store, key: VariableKey, change: () => Promise<T>): Promise<T> {
  const turns = turnsOf.get(store) ?? new Map<string, Promise<unknown>>();
  turnsOf.set(store, turns);
  const name = `${key.project} ${key.action} ${key.name}`;
  const mine = (turns.get(name) ?? Promise.resolve()).then(() => untilNobodyWasFaster(change));
  const ended = mine.catch(() => undefined);
  turns.set(name, ended);
  try {
    return await mine;
  } finally {
    if (turns.get(name) === ended) turns.delete(name);
  }
}

async function untilNobodyWasFaster<T>(change: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await change();
    } catch (error) {
      const overtaken = error instanceof GuardFailed && error.guard === variableGuard;
      if (!overtaken || tries >= variableTriesMax) throw error;
    }
  }
}

/** Of the steps that change a variable. */
export const variableGuard = 'variable';
