// Plans a working directory. A foreign one is the last segment of a literal absolute folder, and nothing else
// (rules.md 22); by its real path it is checked again before it is used.
import type { Expression } from '../../hcl/ast.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Evaluator } from './evaluator.ts';
import type { PlannedDir } from './operation-plan.ts';
import { piecesOf } from './pieces.ts';

/** Throws `evaluation_failed` for an empty one, `tainted_path` for one that an input would lead elsewhere. */
export function planDir(
  expression: Expression | null,
  evaluator: Evaluator,
  argv: readonly { readonly value: string }[],
): PlannedDir | null {
  if (expression === null) return null;
  const path = evaluator.text(expression);
  if (path.value === '' || path.value.includes('\0')) {
    throw evaluator.fail(expression, 'the working directory is empty or has the character NUL in it.');
  }
  const pieces = piecesOf(expression, evaluator);
  const first = pieces.findIndex(({ taints }) => taints.length > 0);
  if (first === -1) return { path, within: null };
  const before = pieces.slice(0, first).map(({ text }) => text);
  const folder = before.join('').replace(/[^/]*$/, '');
  const segment = path.value.slice(folder.length);
  if (!folder.startsWith('/')) {
    throw new Failure('tainted_path', 'An input may only be the last folder of a literal absolute path.');
  }
  if (segment === '' || segment === '.' || segment === '..' || segment.includes('/')) {
    throw new Failure(
      'tainted_path',
      `An input would lead the working directory out of ${folder}: it may be the name of one folder in it.`,
    );
  }
  if (argv[0]?.value.startsWith('/') !== true) {
    throw new Failure(
      'tainted_path',
      'The working directory comes from an input, so the program must be given by its absolute path.',
    );
  }
  return { path, within: folder };
}
