// A text as the pieces that it was put together from, each known to be the author's or foreign. What the author let an
// expression choose between is the author's, whoever made the choice.
import type { Expression, TemplatePart } from '../../hcl/ast.ts';
import type { Taint } from '../../hcl/agent-file/taint.ts';
import { convert } from '../../hcl/convert.ts';
import { BOOL } from '../../hcl/values.ts';
import type { Evaluator } from './evaluator.ts';

export interface Piece {
  readonly text: string;
  /** Empty for a piece that nobody else chose. */
  readonly taints: readonly Taint[];
}

/** The pieces of the text that `evaluator.text(expression)` gives, in order. */
export function piecesOf(expression: Expression, evaluator: Evaluator): readonly Piece[] {
  switch (expression.node) {
    case 'parentheses':
      return piecesOf(expression.inner, evaluator);
    case 'conditional': {
      const chosen = isTrue(expression.condition, evaluator) ? expression.then : expression.otherwise;
      return piecesOf(chosen, evaluator);
    }
    case 'template':
      return expression.parts.flatMap((part) => piecesOfPart(part, evaluator));
    default: {
      const text = evaluator.text(expression);
      return [{ text: text.value, taints: evaluator.foreign(expression, text) }];
    }
  }
}

function piecesOfPart(part: TemplatePart, evaluator: Evaluator): readonly Piece[] {
  switch (part.part) {
    case 'text':
      return [{ text: part.value, taints: [] }];
    case 'interpolation':
      return piecesOf(part.expression, evaluator);
    case 'if': {
      const chosen = isTrue(part.condition, evaluator) ? part.then : (part.otherwise ?? []);
      return chosen.flatMap((each) => piecesOfPart(each, evaluator));
    }
    case 'for': {
      // A second, empty part keeps a template of one directive a text.
      const parts = [part, { part: 'text' as const, value: '', start: part.end, end: part.end }];
      const whole: Expression = { node: 'template', form: 'bare', parts, start: part.start, end: part.end };
      const text = evaluator.text(whole);
      return [{ text: text.value, taints: evaluator.foreign(whole, text) }];
    }
  }
}

/** The choice of a conditional. Throws `evaluation_failed` when it is none. */
export function isTrue(condition: Expression, evaluator: Evaluator): boolean {
  const converted = convert(evaluator.value(condition), BOOL);
  if ('value' in converted && converted.value.kind === 'bool') return converted.value.value;
  throw evaluator.fail(condition, 'this decides between two ways, so it must be true or false.');
}
