// The protocol of rules.md 1 to 17 is explored exhaustively within bounds: with every rule on nothing is broken and
// nothing gets stuck; without any one of them something is, and the shortest way there is printed.
import { describe, expect, it, test } from 'vitest';
import { explore } from './explore.ts';
import { keyOf } from './key.ts';
import { removals } from './removals.ts';
import { beyondTheModel, clauseNames, clauses, rulesWithout } from './rules.ts';
import { disturbances } from './scope.ts';
import type { Scope } from './scope.ts';
import { scopes, longScopes } from './scopes.ts';
import { startOf } from './start.ts';
import { stepsFrom } from './steps.ts';
import { figuresText, traceText } from './trace.ts';

const isLong = process.env['WAYSIDE_LONG'] !== undefined;
const scopeMsMax = isLong ? 3_600_000 : 60_000;

function report(text: string): void {
  process.stdout.write(`${text}\n`);
}

describe('with all rules', () => {
  for (const scope of Object.values<Scope>(isLong ? { ...scopes, ...longScopes } : scopes)) {
    it(`nothing is broken and every run can end: ${scope.name}`, { timeout: scopeMsMax }, () => {
      const explored = explore(scope);
      report(figuresText(scope.name, explored));
      expect(explored.violation === null ? null : traceText(explored.violation)).toBeNull();
    });
  }

  it('the scopes reach every state of a run, and every disturbance is in one of them', () => {
    const used = new Set(
      Object.values<Scope>({ ...scopes, ...longScopes, ...removals }).flatMap(({ may }) => Object.keys(may)),
    );
    expect([...used].sort()).toEqual(Object.keys(disturbances).sort());
  });
});

describe('without one of them', () => {
  test.each(clauseNames)('%s', { timeout: scopeMsMax }, (clause) => {
    const scope = removals[clause];
    const { rule, text } = clauses[clause];
    const whole = explore(scope);
    expect(whole.violation === null ? null : traceText(whole.violation), 'the rule is there').toBeNull();
    const without = explore({ ...scope, rules: rulesWithout(clause) });
    report(`Rule ${rule} taken away (${text}):`);
    expect(without.violation, `nothing is broken without rule ${rule}: ${text}`).not.toBeNull();
    if (without.violation !== null) report(traceText(without.violation));
  });

  it('each rule from 1 to 17 has a clause whose absence shows', () => {
    const rules = new Set(clauseNames.map((clause) => clauses[clause].rule));
    expect([...rules].sort((a, b) => a - b)).toEqual(Array.from({ length: 17 }, (_, index) => index + 1));
  });

  test.each(beyondTheModel)('rule $rule has a clause that the model cannot show: $clause', ({ reason }) => {
    expect(reason.length).toBeGreaterThan(20);
  });
});

describe('the exploration', () => {
  it('finds the same each time', () => {
    const scope: Scope = { ...scopes.plain, may: { cut: 1, crash: 1 }, disturbancesMax: 1 };
    const [first, second] = [explore(scope), explore(scope)];
    expect({ ...first, ms: 0 }).toEqual({ ...second, ms: 0 });
    expect(first.states).toBeGreaterThan(500);
  });

  it('changes no state that it has given away', () => {
    const start = startOf(scopes.plain);
    const key = keyOf(start);
    const steps = stepsFrom(start, { ...scopes.plain, may: { cut: 1, cancel: 1 }, disturbancesMax: 1 });
    expect(steps.length).toBeGreaterThan(2);
    expect(keyOf(structuredClone(start))).toBe(key);
    for (const { next } of steps) expect(keyOf(next)).not.toBe(key);
  });
});
