// The canonical form of an action and its digest: what a run was asked for is what is run (rules.md 18). Comments and
// layout are not part of it; any other token is.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Body, Expression, Source } from '../ast.ts';
import { scan } from '../scan.ts';
import { compareText } from '../text.ts';
import { Token } from '../tokens.ts';

export interface Definable {
  readonly group: string;
  readonly name: string;
  readonly source: Source;
  readonly body: Body;
  /** Settings from outside the block that change what it means. */
  readonly settings: { readonly compatibility: boolean; readonly runAs: string | null };
}

/** `sha256:` and the SHA-256 of the canonical form, in hexadecimal. */
export function definitionDigest(action: Definable): string {
  return `sha256:${bytesToHex(sha256(utf8ToBytes(canonicalDefinition(action))))}`;
}

/** JSON without white space, members in lexical order: action, body, group, settings. */
export function canonicalDefinition({ group, name, source, body, settings }: Definable): string {
  return object([
    ['action', JSON.stringify(name)],
    ['body', canonicalBody(body, source)],
    ['group', JSON.stringify(group)],
    [
      'settings',
      object([
        ['compatibility', String(settings.compatibility)],
        ['run_as', JSON.stringify(settings.runAs)],
      ]),
    ],
  ]);
}

function canonicalBody(body: Body, source: Source): string {
  const attributes = [...body.attributes]
    .sort((a, b) => compareText(a.name, b.name))
    .map(({ name, expression }) => [name, JSON.stringify(tokensOf(expression, source))] as const);
  const blocks = body.blocks.map((block) =>
    object([
      ['body', canonicalBody(block.body, source)],
      ['labels', JSON.stringify(block.labels.map(({ value }) => value))],
      ['type', JSON.stringify(block.type)],
    ]),
  );
  return object([
    ['attributes', object(attributes)],
    ['blocks', `[${blocks.join(',')}]`],
  ]);
}

function object(members: readonly (readonly [name: string, json: string])[]): string {
  return `{${members.map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

/** The tokens of an expression joined by one space; newlines between tokens are layout. */
function tokensOf(expression: Expression, source: Source): string {
  const text = source.text.slice(expression.start, expression.end);
  const { kinds, starts, ends } = scan(text, { mode: 'expression', keepComments: false });
  const tokens: string[] = [];
  for (const [at, kind] of kinds.entries()) {
    if (kind !== Token.newline && kind !== Token.end) tokens.push(text.slice(starts[at], ends[at]));
  }
  return tokens.join(' ');
}
