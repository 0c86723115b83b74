// By which methods somebody is signed in, as it is stored, and how strong that is.
import { acrValues } from './contract.ts';
import type { Acr, Amr } from './contract.ts';

const known: readonly Amr[] = ['pwd', 'otp', 'mfa', 'hwk', 'swk', 'user', 'kba', 'fed'];

/** A stored list; what this program does not know is left out. */
export function parseMethods(text: string): readonly Amr[] {
  const names = text.split(' ');
  return known.filter((method) => names.includes(method));
}

export function formatMethods(methods: readonly Amr[]): string {
  return known.filter((method) => methods.includes(method)).join(' ');
}

export function acrOf(methods: readonly Amr[], isElevated: boolean): Acr {
  const [single, multi, elevated] = acrValues;
  if (isElevated) return elevated;
  return methods.includes('mfa') ? multi : single;
}

/** Whether one is at least as strong as the other. */
export function reaches(has: Acr, wanted: Acr): boolean {
  return acrValues.indexOf(has) >= acrValues.indexOf(wanted);
}
