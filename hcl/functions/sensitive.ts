// What people may see: `sensitive` hides a value in plans, logs and diagnostics, `nonsensitive` shows it again. Who
// chose a value is not a matter of these functions: they never take away TAINTED.
import type { Value } from '../values.ts';
import { ANY, SENSITIVE, withMarks, withoutMarks } from '../values.ts';
import { valueAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';

const VALUE: Parameter = { name: 'value', type: ANY, description: 'any value', nullable: true };

const sensitive: HclFunction = {
  name: 'sensitive',
  description: 'The value, masked wherever people could see it',
  parameters: [VALUE],
  returns: ANY,
  marks: 'own',
  examples: [{ call: 'length(sensitive("abc"))', result: '3' }],
  call: (args): Value => withMarks(valueAt(args, 0), SENSITIVE),
};

const nonsensitive: HclFunction = {
  name: 'nonsensitive',
  description: 'The value, no longer masked; values inside it that are sensitive of themselves stay so',
  parameters: [VALUE],
  returns: ANY,
  marks: 'own',
  examples: [{ call: 'nonsensitive(sensitive("abc"))', result: '"abc"' }],
  call: (args): Value => withoutMarks(valueAt(args, 0), SENSITIVE),
};

export const sensitiveFunctions: readonly HclFunction[] = [nonsensitive, sensitive];
