// Calls a function of the language with values, without an expression around it.
import { standardFunctions } from '../../../hcl/functions/standard.ts';
import type { Value } from '../../../hcl/values.ts';
import { stringValue } from '../../../hcl/values.ts';

/** The result; a text stands for a string value. Throws what the function throws. */
export function call(name: string, ...args: readonly (Value | string)[]): Value {
  const found = standardFunctions.get(name);
  if (!found) throw new Error(`no function ${name}`);
  const values = args.map((argument) => (typeof argument === 'string' ? stringValue(argument) : argument));
  const unlimited = (): void => undefined;
  return found.call(values, { charge: unlimited, chargeText: unlimited, attempts: [] });
}

/** The result, which is a string, as a text. */
export function callText(name: string, ...args: readonly (Value | string)[]): string {
  const value = call(name, ...args);
  if (value.kind !== 'string') throw new Error(`${name} gives a ${value.kind}`);
  return value.value;
}
