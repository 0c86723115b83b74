// A counterexample as a person reads it: what is broken, and the steps that lead there, each on its line.
import type { Explored, Violation } from './explore.ts';

export function traceText({ what, steps }: Violation): string {
  return [
    `${what}, after ${steps.length} steps:`,
    ...steps.map((step, index) => `  ${index + 1}. ${step}`),
  ].join('\n');
}

export function figuresText(name: string, { states, transitions, depth, ms }: Explored): string {
  return `${name}: ${states} states, ${transitions} transitions, ${depth} steps deep, ${(ms / 1_000).toFixed(1)} s`;
}
