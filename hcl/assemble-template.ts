// Makes a tree of a template's pieces (hclsyntax/spec.md, "Template If Directive" and "Template For Directive").
import type { Span, TemplatePart } from './ast.ts';
import { complaints } from './complaints.ts';
import { fail } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { nestingDepthMax } from './limits.ts';
import { lineOf } from './diagnostic.ts';
import type { Piece, SequencePiece } from './template-pieces.ts';

type Opening = SequencePiece & { piece: 'if' | 'for' };

/** A directive whose end has not come yet. */
interface OpenDirective {
  readonly opening: Opening;
  readonly body: TemplatePart[];
  /** The parts behind `else`. */
  otherwise: TemplatePart[] | null;
}

/** Text that stands side by side becomes one part; `if` and `for` take in what stands before their end. */
export function assemble(c: Cursor, pieces: readonly Piece[], end: Span): readonly TemplatePart[] {
  const root: TemplatePart[] = [];
  const open: OpenDirective[] = [];
  for (const piece of pieces) {
    if (c.failedAt !== null) break;
    const innermost = open.at(-1);
    const parts = innermost === undefined ? root : (innermost.otherwise ?? innermost.body);
    const { start, end } = piece;
    switch (piece.piece) {
      case 'text':
        addText(parts, piece);
        break;
      case 'interpolation':
        parts.push({ part: 'interpolation', expression: piece.expression, start, end });
        break;
      case 'if':
      case 'for':
        if (open.length >= nestingDepthMax) fail(c, complaints.nestingTooDeep, { span: piece });
        open.push({ opening: piece, body: [], otherwise: null });
        break;
      case 'else':
        if (innermost?.opening.piece === 'if' && innermost.otherwise === null) innermost.otherwise = [];
        else fail(c, complaints.unexpectedElse, { span: piece });
        break;
      case 'endif':
      case 'endfor':
        if (innermost !== undefined && piece.piece === `end${innermost.opening.piece}`) {
          open.pop();
          const outer = open.at(-1);
          (outer === undefined ? root : (outer.otherwise ?? outer.body)).push(closeDirective(innermost, end));
        } else {
          const complaint = complaints.unexpectedEnd(piece.piece, innermost?.opening.piece ?? null);
          fail(c, complaint, { span: piece, openedAt: innermost?.opening.start });
        }
        break;
    }
  }
  const unclosed = open.at(-1);
  if (unclosed !== undefined) {
    const { piece, start } = unclosed.opening;
    fail(c, complaints.unclosedDirective(piece, lineOf(c.source, start)), { span: end, openedAt: start });
  }
  return root;
}

function addText(parts: TemplatePart[], piece: Piece & { piece: 'text' }): void {
  const { value, start, end } = piece;
  const before = parts.at(-1);
  if (before?.part === 'text') parts[parts.length - 1] = { ...before, value: before.value + value, end };
  else if (value !== '') parts.push({ part: 'text', value, start, end });
}

function closeDirective(directive: OpenDirective, end: number): TemplatePart {
  const { opening, body, otherwise } = directive;
  const { start } = opening;
  if (opening.piece === 'if')
    return { part: 'if', condition: opening.condition, then: body, otherwise, start, end };
  const { key, value, collection } = opening;
  return { part: 'for', key, value, collection, body, start, end };
}
