// Requests to a thread and its answers cross as one flat list of plain values: V8 copies that several times faster than
// the objects that it stands for. What comes at which place is known to this file alone.
import type { SQLInputValue } from 'node:sqlite';
import type { Guard } from '../guard.ts';
import type { StepResult } from '../store.ts';
import type { Answer, FailureMessage, Packed, Statement } from './messages.ts';
import type { KnownTexts, LearntTexts } from './texts.ts';

/** A request or an answer with its number. */
export type Numbered<What> = readonly [id: number, what: What];

export function packRequests(requests: readonly Numbered<readonly Statement[]>[], texts: KnownTexts): Packed {
  const list: unknown[] = [];
  for (const [id, statements] of requests) {
    list.push(id, statements.length);
    for (const { sql, parameters, guard } of statements) {
      list.push(texts.name(sql), guard?.name, guard?.exactly, guard?.atLeast, parameters.length);
      for (const parameter of parameters) list.push(parameter);
    }
  }
  return { list, texts: texts.takeFresh() };
}

export function unpackRequests(packed: Packed, texts: LearntTexts): Numbered<readonly Statement[]>[] {
  texts.learn(packed.texts);
  const requests: Numbered<readonly Statement[]>[] = [];
  const { next, isAtEnd } = readerOf(packed.list);
  while (!isAtEnd()) {
    const id = next<number>();
    requests.push([id, times(next<number>(), () => nextStatement(next, texts))]);
  }
  return requests;
}

function nextStatement(next: Next, texts: LearntTexts): Statement {
  const sql = texts.textOf(next<number | string>());
  const guard = guardOf(next(), next(), next());
  const parameters = times(next<number>(), () => next<SQLInputValue>());
  return guard === null ? { sql, parameters } : { sql, parameters, guard };
}

function guardOf(
  name: string | undefined,
  exactly: number | undefined,
  atLeast: number | undefined,
): Guard | null {
  if (name === undefined) return null;
  return {
    name,
    ...(exactly === undefined ? {} : { exactly }),
    ...(atLeast === undefined ? {} : { atLeast }),
  };
}

/** Stands in no name of a column, while a comma may. */
const between = '\0';

const kinds = { results: 0, guard: 1, failure: 2 } as const;

export function packAnswers(answers: readonly Numbered<Answer>[], names: KnownTexts): Packed {
  const list: unknown[] = [];
  for (const [id, answer] of answers) {
    if ('results' in answer) {
      list.push(id, kinds.results, answer.results.length);
      for (const result of answer.results) packResult(list, result, names);
    } else if ('guard' in answer) {
      list.push(id, kinds.guard, answer.guard);
    } else {
      list.push(id, kinds.failure, answer.failure);
    }
  }
  return { list, texts: names.takeFresh() };
}

/** All rows of a result have the columns of the first. */
function packResult(list: unknown[], { rows, changes }: StepResult, names: KnownTexts): void {
  list.push(changes, rows.length);
  const [first] = rows;
  if (first === undefined) return;
  list.push(names.name(Object.keys(first).join(between)));
  for (const row of rows) list.push(...Object.values(row));
}

export function unpackAnswers(packed: Packed, names: LearntTexts): Numbered<Answer>[] {
  names.learn(packed.texts);
  const answers: Numbered<Answer>[] = [];
  const { next, isAtEnd } = readerOf(packed.list);
  while (!isAtEnd()) answers.push([next<number>(), nextAnswer(next, names)]);
  return answers;
}

function nextAnswer(next: Next, names: LearntTexts): Answer {
  switch (next<number>()) {
    case kinds.results:
      return { results: times(next<number>(), () => nextResult(next, names)) };
    case kinds.guard:
      return { guard: next<string>() };
    default:
      return { failure: next<FailureMessage>() };
  }
}

function nextResult(next: Next, names: LearntTexts): StepResult {
  const changes = next<number>();
  const count = next<number>();
  if (count === 0) return { rows: [], changes };
  const columns = names.textOf(next<number | string>()).split(between);
  return { rows: times(count, () => nextRow(next, columns)), changes };
}

function nextRow(next: Next, columns: readonly string[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (const column of columns) row[column] = next();
  return row;
}

type Next = <Value>() => Value;

function readerOf(list: readonly unknown[]): { readonly next: Next; readonly isAtEnd: () => boolean } {
  let at = 0;
  return {
    next<Value>() {
      at += 1;
      return list[at - 1] as Value;
    },
    isAtEnd: () => at >= list.length,
  };
}

function times<Made>(count: number, make: () => Made): Made[] {
  const made: Made[] = [];
  for (let index = 0; index < count; index += 1) made.push(make());
  return made;
}
