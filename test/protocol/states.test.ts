// The one table of run states, tried whole.
import { expect, test } from 'vitest';
import {
  isFinal,
  nextState,
  outcomeResults,
  runStates,
  sourcesOf,
  triggerOf,
} from '../../protocol/states.ts';
import type { RunState, RunTrigger } from '../../protocol/states.ts';

// Written from architecture.md, section 4, and not from the table in the code.
const allowed: readonly (readonly [RunState, RunTrigger, RunState])[] = [
  ['queued', 'offer', 'offered'],
  ['queued', 'cancel', 'canceled'],
  ['queued', 'expire', 'expired'],
  ['queued', 'refuse_final', 'refused'],
  ['offered', 'accept', 'running'],
  ['offered', 'lapse', 'queued'],
  ['offered', 'refuse_transient', 'queued'],
  ['offered', 'refuse_final', 'refused'],
  ['offered', 'cancel', 'canceled'],
  ['offered', 'expire', 'expired'],
  ['running', 'succeed', 'succeeded'],
  ['running', 'fail', 'failed'],
  ['running', 'cancel', 'canceled'],
  ['running', 'time_out', 'timed_out'],
  ['running', 'interrupt', 'indeterminate'],
  ['running', 'retry', 'queued'],
  ['indeterminate', 'succeed', 'succeeded'],
  ['indeterminate', 'fail', 'failed'],
  ['indeterminate', 'cancel', 'canceled'],
  ['indeterminate', 'time_out', 'timed_out'],
];
const triggers = [...new Set(allowed.map(([, trigger]) => trigger))];

test('every state and trigger leads where the architecture says, and nowhere else', () => {
  for (const state of runStates) {
    for (const trigger of triggers) {
      const row = allowed.find(([from, by]) => from === state && by === trigger);
      // What the database's own rollback may do is listed by its owner; nothing else may go beyond this list.
      expect([state, trigger, nextState(state, trigger)]).toEqual([state, trigger, row?.[2] ?? null]);
    }
  }
});

test('nothing leaves a verdict except evidence about an indeterminate run', () => {
  for (const state of runStates) {
    const exits = triggers.filter((trigger) => nextState(state, trigger) !== null);
    if (isFinal(state) && state !== 'indeterminate') expect(exits).toEqual([]);
  }
});

test('the sources of a trigger are the states from which it leads somewhere', () => {
  expect(sourcesOf('accept')).toEqual(['offered']);
  expect(sourcesOf('cancel')).toEqual(['queued', 'offered', 'running', 'indeterminate']);
});

test('every way in which an agent says that it ended pulls a trigger of a running run', () => {
  for (const result of outcomeResults) expect(nextState('running', triggerOf(result))).not.toBeNull();
});
