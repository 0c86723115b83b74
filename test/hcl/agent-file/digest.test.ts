// The digest of a definition: the same for any layout, another for any other token.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';
import { canonicalDefinition } from '../../../hcl/agent-file/digest.ts';
import { parseFile } from '../../../hcl/parse.ts';
import { scan } from '../../../hcl/scan.ts';
import { Token } from '../../../hcl/tokens.ts';

function digestOf(text: string): string | undefined {
  return loadAgentFile([{ name: 'a.hcl', text }]).file?.actions[0]?.digest;
}

const promote = readFileSync(join(import.meta.dirname, '../../../examples/hcl/promote.hcl'), 'utf8');

/** The canonical form of the action in a text that need not be a valid file. */
function canonicalOf(text: string): string {
  const { source, body } = parseFile('a.hcl', text);
  const action = body.blocks[0]?.body.blocks[0];
  if (action === undefined) return 'no action';
  const settings = { compatibility: false, runAs: null };
  return canonicalDefinition({
    group: body.blocks[0]?.labels[0]?.value ?? '',
    name: action.labels[0]?.value ?? '',
    source,
    body: action.body,
    settings,
  });
}

interface Piece {
  readonly text: string;
  /** Newlines and comments may stand before it. */
  readonly free: boolean;
  /** Spaces may. */
  readonly loose: boolean;
}

const opening: ReadonlySet<number> = new Set([
  Token.openBrace,
  Token.openBracket,
  Token.openParenthesis,
  Token.openQuote,
  Token.openInterpolation,
]);
const closing: ReadonlySet<number> = new Set([
  Token.closeBrace,
  Token.closeBracket,
  Token.closeParenthesis,
  Token.closeQuote,
  Token.closeSequence,
]);

/** The file cut at its tokens, comments left out. */
function piecesOf(text: string): readonly Piece[] {
  const { kinds, starts, ends } = scan(text, { mode: 'expression', keepComments: true });
  const pieces: Piece[] = [];
  const open: number[] = [];
  for (const [at, kind] of kinds.entries()) {
    const token = text.slice(starts[at], ends[at]);
    const quoted = open.at(-1) === Token.openQuote;
    const bracketed = open.at(-1) === Token.openBracket || open.at(-1) === Token.openParenthesis;
    if (closing.has(kind)) open.pop();
    if (kind === Token.comment)
      pieces.push({ text: token.endsWith('\n') ? '\n' : '', free: false, loose: true });
    else if (kind !== Token.end) {
      const free = !quoted && (pieces.at(-1)?.text === '\n' || bracketed);
      pieces.push({ text: token, free, loose: !quoted });
    }
    if (opening.has(kind)) open.push(kind);
  }
  return pieces;
}

describe('the digest', () => {
  it('has its form, and is that of its action alone', () => {
    expect(digestOf(promote)).toMatch(/^sha256:[0-9a-f]{64}$/);
    const other = 'group "other" {\n  action "x" {\n    run {\n      command = ["true"]\n    }\n  }\n}\n';
    expect(digestOf(`${promote}\n${other}`)).toBe(digestOf(promote));
  });

  it('does not depend on the order of attributes, but on that of blocks', () => {
    const action = (body: string): string => `group "g" {\n  action "a" {\n${body}\n  }\n}\n`;
    const run = 'run {\n command = ["a"]\n dir = "/"\n}\n';
    expect(digestOf(action(`timeout = "1m"\nidempotent = true\n${run}`))).toBe(
      digestOf(action(`${run}idempotent = true\ntimeout = "1m"`)),
    );
    const step = (name: string): string => `operation {\n run {\n command = ["${name}"]\n }\n}\n`;
    expect(digestOf(action(step('a') + step('b')))).not.toBe(digestOf(action(step('b') + step('a'))));
  });

  it('changes with the group, the name, and the settings that change what the action means', () => {
    const text = (group: string, action: string, agent = ''): string =>
      `${agent}group "${group}" {\n  action "${action}" {\n    run {\n      command = ["a"]\n    }\n  }\n}\n`;
    const digests = [
      text('g', 'a'),
      text('h', 'a'),
      text('g', 'b'),
      text('g', 'a', 'agent {\n  compatibility = "hcp"\n}\n'),
      text('g', 'a', 'agent {\n  run_as = "deploy"\n}\n'),
    ].map(digestOf);
    expect(new Set(digests).size).toBe(5);
    expect(digestOf(text('g', 'a', 'agent {\n  concurrency = 2\n}\n'))).toBe(digests[0]);
  });

  it('stays the same however the file is laid out and commented', () => {
    const pieces = piecesOf(promote);
    const space = fc.constantFrom('', ' ', '  ', '\t', ' /* why */ ');
    const line = fc.constantFrom('', '\n', '\n\n', '# a comment\n', '// another\n', '/* a\nb */');
    const layouts = fc.array(fc.tuple(space, line), { minLength: pieces.length, maxLength: pieces.length });
    const expected = canonicalOf(promote);
    expect(expected).not.toContain('#');
    fc.assert(
      fc.property(layouts, (layout) => {
        const text = pieces
          .map((piece, at) => {
            const [spaces, lines] = layout[at] ?? ['', ''];
            return (piece.free ? lines : '') + (piece.loose ? `${spaces} ` : '') + piece.text;
          })
          .join('');
        expect(canonicalOf(text)).toBe(expected);
      }),
      { numRuns: 100 },
    );
  });

  it('changes with every token inside the action', () => {
    const begin = promote.indexOf('description');
    const { kinds, starts, ends } = scan(promote, { mode: 'expression', keepComments: false });
    const expected = canonicalOf(promote);
    let changed = 0;
    for (const [at, kind] of kinds.entries()) {
      const start = starts[at] ?? 0;
      const end = ends[at] ?? 0;
      if (start < begin || (kind !== Token.identifier && kind !== Token.number && kind !== Token.text))
        continue;
      const replaced = `${promote.slice(0, start)}${kind === Token.number ? '7' : 'zz'}${promote.slice(end)}`;
      expect(canonicalOf(replaced), promote.slice(start, end)).not.toBe(expected);
      changed += 1;
    }
    expect(changed).toBeGreaterThan(80);
  });

  it('tells texts apart that differ in spaces only', () => {
    const command = (text: string): string =>
      `group "g" {\n  action "a" {\n    run {\n      command = ["echo", "${text}"]\n    }\n  }\n}\n`;
    const texts = ['a b', 'a  b', ' a b', 'a b ', 'ab', '${1}', ' ${1}', '${1} ', '${ 1 }x', 'x${1}'];
    expect(new Set(texts.map((text) => digestOf(command(text)))).size).toBe(texts.length);
  });

  it('is the SHA-256 of the canonical form that the design describes', () => {
    const text =
      'group "g" {\n  action "a" {\n    timeout = "1m"\n    run {\n      command = [ # why\n        "a",\n        upper("b") ]\n    }\n  }\n}\n';
    expect(canonicalOf(text)).toBe(
      '{"action":"a","body":{"attributes":{"timeout":"\\" 1m \\""},"blocks":[{"body":{"attributes":{"command":"[ \\" a \\" , upper ( \\" b \\" ) ]"},"blocks":[]},"labels":[],"type":"run"}]},"group":"g","settings":{"compatibility":false,"run_as":null}}',
    );
  });
});
