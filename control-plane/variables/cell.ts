// Which cell a sensitive variable is sealed for.
import type { SealedCell } from '../secrets/seal-at-rest.ts';

export function variableCell(variable: {
  readonly organization: string;
  readonly project: string;
  readonly id: string;
}): SealedCell {
  const { organization, project, id } = variable;
  return { table: 'variables', organization, project, row: id, column: 'envelope' };
}
