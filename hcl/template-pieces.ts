// The pieces of a template in a row, as they are read (hclsyntax/spec.md, "Templates"), before directives make a tree
// of them, and what strip markers and a flush heredoc take off their text.
import type { Expression, Span } from './ast.ts';
import { isSpace } from './characters.ts';

/** In a heredoc each line is a piece of text of its own, its newline included. */
export type Piece = TextPiece | SequencePiece;

export type TextPiece = { readonly piece: 'text'; readonly value: string } & Span;

/** `~` next to a brace strips the text on its side. */
export type SequencePiece = Span & { readonly stripLeft: boolean; readonly stripRight: boolean } & Sequence;

export type Sequence =
  | { readonly piece: 'interpolation'; readonly expression: Expression }
  | { readonly piece: 'if'; readonly condition: Expression }
  | {
      readonly piece: 'for';
      readonly key: string | null;
      readonly value: string;
      readonly collection: Expression;
    }
  | { readonly piece: 'else' | 'endif' | 'endfor' };

/** Takes the spaces off text that a strip marker touches. */
export function stripMarked(pieces: readonly Piece[]): readonly Piece[] {
  return pieces.map((piece, index) => {
    if (piece.piece !== 'text') return piece;
    const before = pieces[index - 1];
    const after = pieces[index + 1];
    let { value } = piece;
    if (before !== undefined && before.piece !== 'text' && before.stripRight)
      value = value.slice(leadingSpaces(value));
    if (after !== undefined && after.piece !== 'text' && after.stripLeft)
      value = withoutTrailingSpaces(value);
    return value === piece.value ? piece : { ...piece, value };
  });
}

/**
 * Takes off every line the spaces that all lines begin with. A line of nothing but spaces neither counts nor changes;
 * a line that begins with a sequence has no indentation.
 */
export function stripIndentation(pieces: readonly Piece[]): readonly Piece[] {
  const isFirstOfLine = pieces.map((piece, index) => {
    const before = pieces[index - 1];
    const beginsLine = before === undefined || (before.piece === 'text' && before.value.endsWith('\n'));
    return beginsLine && !(piece.piece === 'text' && isBlankLine(piece.value));
  });
  let shared = Infinity;
  for (const [index, piece] of pieces.entries()) {
    if (isFirstOfLine[index] === true) {
      shared = Math.min(shared, piece.piece === 'text' ? leadingSpaces(piece.value) : 0);
    }
  }
  return pieces.map((piece, index) =>
    isFirstOfLine[index] === true && piece.piece === 'text'
      ? { ...piece, value: piece.value.slice(shared) }
      : piece,
  );
}

function isBlankLine(value: string): boolean {
  return value.endsWith('\n') && leadingSpaces(value) === value.length;
}

function leadingSpaces(value: string): number {
  let count = 0;
  while (count < value.length && isSpace(value.charCodeAt(count))) count++;
  return count;
}

function withoutTrailingSpaces(value: string): string {
  let end = value.length;
  while (end > 0 && isSpace(value.charCodeAt(end - 1))) end--;
  return value.slice(0, end);
}
