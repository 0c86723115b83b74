// `csvdecode`: comma-separated values as RFC 4180 defines them, the first line naming the columns.
import type { Value } from '../values.ts';
import { listOf, listValue, mapOf, objectValue, STRING, stringValue } from '../values.ts';
import type { Type } from '../values.ts';
import { textAt } from './arguments.ts';
import type { CallContext, HclFunction } from './function.ts';
import { FunctionProblem } from './function.ts';

/** The lines of fields; empty lines are left out. */
function parseCsv(text: string, context: CallContext): string[][] {
  const lines: string[][] = [];
  let at = 0;
  while (at < text.length) {
    const fields: string[] = [];
    for (;;) {
      const { field, end } =
        text[at] === '"' ? quotedField(text, at, lines.length) : plainField(text, at, lines.length);
      context.charge(1);
      fields.push(field);
      at = end + 1;
      if (text[end] !== ',') break;
    }
    if (text[at - 1] === '\r' && text[at] === '\n') at += 1;
    if (fields.length > 1 || fields[0] !== '') lines.push(fields);
  }
  return lines;
}

interface Field {
  readonly field: string;
  /** Where the comma or the line's end stands. */
  readonly end: number;
}

function plainField(text: string, start: number, line: number): Field {
  let end = start;
  while (end < text.length && text[end] !== ',' && text[end] !== '\n') end += 1;
  const field = text.slice(start, end).replace(/\r$/, '');
  if (field.includes('"')) throw wrong(line, 'a quote inside a field that does not begin with one');
  return { field, end };
}

/** Between quotes a doubled quote is one, and commas and newlines are text. */
function quotedField(text: string, start: number, line: number): Field {
  const pieces: string[] = [];
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) throw wrong(line, 'a quoted field that does not end');
    pieces.push(text.slice(at, quote));
    at = quote + 2;
    if (text[quote + 1] === '"') pieces.push('"');
    else break;
  }
  const end = text[at - 1] === '\r' && text[at] === '\n' ? at : at - 1;
  if (end < text.length && text[end] !== ',' && text[end] !== '\n')
    throw wrong(line, 'text after a quoted field');
  return { field: pieces.join(''), end };
}

function wrong(line: number, what: string): FunctionProblem {
  return new FunctionProblem(`line ${line + 1}, empty ones not counted, has ${what}`, { argument: 0 });
}

const csvdecode: HclFunction = {
  name: 'csvdecode',
  description:
    'A list with an object for each line but the first, which names the attributes; all fields are texts',
  parameters: [{ name: 'string', type: STRING, description: 'a text in CSV format (RFC 4180)' }],
  returns: listOf(mapOf(STRING)),
  marks: 'all',
  examples: [
    {
      call: 'csvdecode("a,b\\n1,2\\n3,4")',
      result: 'tolist([{ a = "1", b = "2" }, { a = "3", b = "4" }])',
    },
  ],
  call(args, context) {
    const [header, ...rows] = parseCsv(textAt(args, 0), context);
    if (!header) throw new FunctionProblem('it has no first line that names the columns', { argument: 0 });
    if (new Set(header).size < header.length) throw wrong(0, 'the same column name twice');
    const element: Type = { kind: 'object', attributes: new Map(header.map((name) => [name, STRING])) };
    return listValue(
      rows.map((row, at) => rowValue(header, row, at + 1)),
      element,
    );
  },
};

function rowValue(header: readonly string[], row: readonly string[], line: number): Value {
  if (row.length !== header.length)
    throw wrong(line, `${row.length} fields where the first line has ${header.length}`);
  return objectValue(row.map((field, at) => [header[at] ?? '', stringValue(field)] as const));
}

export const csvFunctions: readonly HclFunction[] = [csvdecode];
