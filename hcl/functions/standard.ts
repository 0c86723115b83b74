// Every function of the language, by name.
import type { HclFunction } from './function.ts';

export const standardFunctions: ReadonlyMap<string, HclFunction> = new Map();
