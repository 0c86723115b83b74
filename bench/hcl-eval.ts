// How long evaluating a typical action takes: every expression of the example in the design, parsed once, evaluated as
// an agent does it for each run. The limit is 100 microseconds.
import { evaluate } from '../hcl/evaluate.ts';
import type { Scope } from '../hcl/evaluate-scope.ts';
import { standardFunctions } from '../hcl/functions/standard.ts';
import { parseExpression } from '../hcl/parse.ts';
import type { Value } from '../hcl/values.ts';
import { boolValue, objectValue, SENSITIVE, stringValue, TAINTED } from '../hcl/values.ts';

const LIMIT_MICROSECONDS = 100;
const SAMPLES = 400;
const ROUNDS_PER_SAMPLE = 20;

const EXPRESSIONS = [
  '"POST"',
  '"https://deployer.internal/promote/${var.version}"',
  '{ Authorization = "Bearer ${var.token}", X-Request-Id = waypoint.run_id }',
  'jsonencode({ version = var.version, run = waypoint.run_id, canary = var.canary })',
  '"30s"',
  '[200, 202]',
  '["./smoke-test.sh", var.version, "--canary=${var.canary ? "on" : "off"}"]',
  '"/srv/deploy"',
  '{ REGION = "us-west-2", VERSION = trimprefix(var.version, "v") }',
  '"promoted ${var.version}"',
  '{ attempt = 3, hosts = [for host in var.hosts : "${host}.internal" if host != ""] }',
  '"complete"',
  '"https://app.internal/${var.version}"',
];

function typicalScope(source: Scope['source']): Scope {
  const text = (value: string, marks = TAINTED): Value => stringValue(value, marks);
  const variables = new Map<string, Value>([
    [
      'var',
      objectValue([
        ['version', text('v1.42.0')],
        ['token', text('s.0123456789abcdef', SENSITIVE | TAINTED)],
        ['canary', boolValue(true, TAINTED)],
        ['hosts', objectValue(['a', 'b', 'c'].map((name) => [name, text(`host-${name}`)] as const))],
      ]),
    ],
    ['waypoint', objectValue([['run_id', text('01980c5e-7d2a-7c3e-9f0a-2b6d5e8f1a3c', 0)]])],
  ]);
  return { source, variables, functions: standardFunctions };
}

/** Evaluating all expressions of an action once, in microseconds: the first time, the median and the 95th percentile. */
export function benchHclEvaluation(): Promise<Record<string, unknown>> {
  const parsed = EXPRESSIONS.map((text) => parseExpression('action.hcl', text));
  const prepared = parsed.map(({ expression, source }) => ({ expression, scope: typicalScope(source) }));
  const evaluateAction = (): void => {
    for (const { expression, scope } of prepared) {
      if (evaluate(expression, scope).diagnostics.length > 0) throw new Error('the action does not evaluate');
    }
  };
  const first = performance.now();
  evaluateAction();
  const firstMicroseconds = Math.round((performance.now() - first) * 1000);
  for (let round = 0; round < SAMPLES * ROUNDS_PER_SAMPLE; round += 1) evaluateAction();
  const samples = Array.from({ length: SAMPLES }, () => {
    const start = performance.now();
    for (let round = 0; round < ROUNDS_PER_SAMPLE; round += 1) evaluateAction();
    return ((performance.now() - start) * 1000) / ROUNDS_PER_SAMPLE;
  }).sort((left, right) => left - right);
  const at = (share: number): number =>
    Math.round((samples[Math.floor(share * (SAMPLES - 1))] ?? NaN) * 10) / 10;
  return Promise.resolve({
    expressions: EXPRESSIONS.length,
    first_microseconds: firstMicroseconds,
    median_microseconds: at(0.5),
    p95_microseconds: at(0.95),
    limit_microseconds: LIMIT_MICROSECONDS,
    holds: at(0.5) < LIMIT_MICROSECONDS,
  });
}
