// The variables that the rows of the conformance table name.
import type { Value } from '../../../hcl/values.ts';
import {
  countValue,
  listValue,
  mapValue,
  NULL,
  NUMBER,
  objectValue,
  setValue,
  STRING,
  stringValue,
  tupleValue,
} from '../../../hcl/values.ts';

const tagged = (id: number, tags: readonly string[]): Value =>
  objectValue([
    ['id', countValue(id)],
    ['tags', tupleValue(tags.map((tag) => stringValue(tag)))],
  ]);

export const caseVariables: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['name', stringValue('web')],
  ['count', countValue(3)],
  ['nothing', NULL],
  ['list', listValue([stringValue('a'), stringValue('b')], STRING)],
  ['set', setValue([stringValue('p'), stringValue('q')], STRING)],
  [
    'map',
    mapValue(
      [
        ['x', countValue(1)],
        ['y', countValue(2)],
      ],
      NUMBER,
    ),
  ],
  ['nested', tupleValue([tagged(1, ['t1']), tagged(2, [])])],
]);
