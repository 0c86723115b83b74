// Every function of the language, by name. All are pure: the same arguments give the same result, and nothing of the
// machine is read or changed. What a file may do beyond that is added by who evaluates it.
import { conversionFunctions } from './conversion.ts';
import { csvFunctions } from './csv.ts';
import { dateFunctions } from './date.ts';
import { encodingFunctions } from './encoding.ts';
import { formatFunctions } from './format.ts';
import type { HclFunction } from './function.ts';
import { hashFunctions } from './hash.ts';
import { listFunctions } from './list.ts';
import { mappingFunctions } from './mapping.ts';
import { networkFunctions } from './network.ts';
import { numericFunctions } from './numeric.ts';
import { rearrangeFunctions } from './rearrange.ts';
import { regexFunctions } from './regex.ts';
import { sensitiveFunctions } from './sensitive.ts';
import { setFunctions } from './set.ts';
import { stringFunctions } from './string.ts';
import { yamlDecodeFunctions } from './yaml-decode.ts';
import { yamlEncodeFunctions } from './yaml-encode.ts';

export const standardFunctions: ReadonlyMap<string, HclFunction> = new Map(
  [
    ...conversionFunctions,
    ...csvFunctions,
    ...dateFunctions,
    ...encodingFunctions,
    ...formatFunctions,
    ...hashFunctions,
    ...listFunctions,
    ...mappingFunctions,
    ...networkFunctions,
    ...numericFunctions,
    ...rearrangeFunctions,
    ...regexFunctions,
    ...sensitiveFunctions,
    ...setFunctions,
    ...stringFunctions,
    ...yamlDecodeFunctions,
    ...yamlEncodeFunctions,
  ]
    .sort((left, right) => (left.name < right.name ? -1 : 1))
    .map((one) => [one.name, one]),
);
