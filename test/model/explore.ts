// Breadth first over all states of a scope, each visited once. The first state that breaks an invariant ends it, with
// the shortest way there; where none does, it asks of every state whether the run can still come to its end.
import { hash } from 'node:crypto';
import { isFinal } from '../../protocol/states.ts';
import { noteStep, violationOf } from './invariants.ts';
import { keyOf } from './key.ts';
import type { Scope } from './scope.ts';
import { isAtBound } from './progress.ts';
import { startOf } from './start.ts';
import type { World } from './state.ts';
import { stepsFrom } from './steps.ts';

export interface Explored {
  readonly states: number;
  readonly transitions: number;
  /** The furthest state is so many steps away. */
  readonly depth: number;
  readonly ms: number;
  /** Which final states of the run, and which labels of steps, occurred; so that a scope shows what it covers. */
  readonly finals: ReadonlySet<string>;
  readonly violation: Violation | null;
}

export interface Violation {
  readonly what: string;
  readonly steps: readonly string[];
}

/** What is known of each state that was visited; the states themselves are let go. */
interface Visited {
  readonly numbers: Map<string, number>;
  readonly parents: number[];
  readonly labels: string[];
  /** Pairs of state numbers: steps that are no disturbance. */
  readonly ways: number[];
  readonly ends: boolean[];
}

export function explore(scope: Scope): Explored {
  const began = performance.now();
  const visited: Visited = { numbers: new Map(), parents: [], labels: [], ways: [], ends: [] };
  const finals = new Set<string>();
  const start = startOf(scope);
  let frontier: { readonly number: number; readonly world: World }[] = [];
  let transitions = 0;
  let depth = 0;
  let violation: Violation | null = null;
  const visit = (
    world: World,
    parent: number,
    label: string,
  ): { readonly number: number; readonly isNew: boolean } => {
    const key = hash('sha1', keyOf(world), 'base64');
    const known = visited.numbers.get(key);
    if (known !== undefined) return { number: known, isNew: false };
    const number = visited.parents.length;
    visited.numbers.set(key, number);
    visited.parents.push(parent);
    visited.labels.push(label);
    visited.ends.push(isEnd(world));
    const { row } = world.db;
    finals.add(row === null ? 'pruned' : row.state);
    return { number, isNew: true };
  };
  frontier.push({ number: visit(start, -1, '').number, world: start });
  while (frontier.length > 0 && violation === null) {
    const next: typeof frontier = [];
    for (const { number, world } of frontier) {
      for (const taken of stepsFrom(world, scope)) {
        transitions += 1;
        const after = noteStep(world, taken.next);
        const what = violationOf(world, after, scope);
        if (what !== null) {
          violation = { what, steps: [...wayTo(visited, number), taken.label] };
          break;
        }
        const found = visit(after, number, taken.label);
        if (!taken.isDisturbance) visited.ways.push(number, found.number);
        if (found.isNew) next.push({ number: found.number, world: after });
      }
      if (violation !== null) break;
    }
    frontier = next;
    if (next.length > 0) depth += 1;
  }
  violation ??= stuckIn(visited);
  const states = visited.parents.length;
  return { states, transitions, depth, ms: performance.now() - began, finals, violation };
}

/** The run has its verdict; what lies beyond the bound of the model is not asked about. */
function isEnd(world: World): boolean {
  const { row } = world.db;
  if (isAtBound(world)) return true;
  return row === null || isFinal(row.state);
}

function wayTo({ parents, labels }: Visited, number: number): string[] {
  const way: string[] = [];
  for (let at = number; (parents[at] ?? -1) >= 0; at = parents[at] ?? -1) way.push(labels[at] ?? '');
  return way.reverse();
}

/** The first state from which, with nothing that disturbs any more, no way leads to an end. */
function stuckIn(visited: Visited): Violation | null {
  const { ends, ways } = visited;
  const into = new Map<number, number[]>();
  for (let at = 0; at < ways.length; at += 2) {
    const [from = 0, to = 0] = [ways[at], ways[at + 1]];
    const list = into.get(to);
    if (list === undefined) into.set(to, [from]);
    else list.push(from);
  }
  const canEnd = [...ends];
  const waiting = ends.flatMap((end, number) => (end ? [number] : []));
  for (let number = waiting.pop(); number !== undefined; number = waiting.pop()) {
    for (const from of into.get(number) ?? []) {
      if (canEnd[from] === true) continue;
      canEnd[from] = true;
      waiting.push(from);
    }
  }
  const stuck = canEnd.indexOf(false);
  return stuck < 0 ? null : { what: 'the run can never end from here on', steps: wayTo(visited, stuck) };
}
