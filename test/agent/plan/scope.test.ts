import { expect, test } from 'vitest';
import { variablesOf } from '../../../agent/plan/scope.ts';
import { valueToJson, valueFromJson } from '../../../hcl/json.ts';
import { marksOf, objectValue, SENSITIVE, stringValue, TAINTED, withMarksDeep } from '../../../hcl/values.ts';
import type { Value } from '../../../hcl/values.ts';
import { actionOf } from '../../support/plan-action.ts';
import { loadText } from '../../support/run-action.ts';

const context = {
  runId: 'run-1',
  attempt: 2,
  requestedBy: 'ada',
  agent: { id: 'a-1', name: 'agent one' },
  actionName: 'a',
  applicationName: null,
};

function scope(inputs: Readonly<Record<string, string>>, declaration = ''): ReadonlyMap<string, Value> {
  const [action] = loadText(actionOf('run {\n command = ["true"]\n }', declaration)).actions;
  if (action === undefined) throw new Error('no action');
  const values = new Map(
    Object.entries(inputs).map(([name, json]) => [name, withMarksDeep(valueFromJson(json), TAINTED)]),
  );
  return variablesOf(
    { action, inputs: values, context },
    new Map([['first', objectValue([['output', stringValue('o', TAINTED)]])]]),
  );
}

function json(variables: ReadonlyMap<string, Value>): Record<string, unknown> {
  return Object.fromEntries([...variables].map(([name, value]) => [name, JSON.parse(valueToJson(value))]));
}

test('what is built in is there, and foreign exactly where others chose it', () => {
  const variables = scope({ v: '"x"' }, 'input "v" {}');
  expect(json(variables)).toEqual({
    var: { v: 'x' },
    waypoint: { run_id: 'run-1' },
    run: { id: 'run-1', requested_by: 'ada' },
    agent: { id: 'a-1', name: 'agent one' },
    action: { name: 'a' },
    application: { name: null },
    operation: { first: { output: 'o' } },
  });
  for (const name of ['waypoint', 'agent', 'action'])
    expect(marksOf(variables.get(name) ?? stringValue(''))).toBe(0);
  for (const name of ['var', 'run', 'operation'])
    expect(marksOf(variables.get(name) ?? stringValue(''))).toBe(TAINTED);
});

test('an action without inputs gets dotted names as nested objects', () => {
  const variables = scope({
    'var.region': '"x"',
    'var.deep.a': '[1,null]',
    'var.deep.b': 'true',
    other: '2',
    'a.b': '3',
  });
  expect(json(variables)).toMatchObject({
    var: { region: 'x', deep: { a: [1, null], b: true }, other: 2 },
    other: 2,
    a: { b: 3 },
  });
});

test("what is the agent's word cannot be brought by a run", () => {
  const variables = scope({
    'waypoint.run_id': '"evil"',
    'agent.id': '"evil"',
    'operation.first': '"evil"',
    run: '"evil"',
  });
  expect(json(variables)).toMatchObject({
    waypoint: { run_id: 'run-1' },
    agent: { id: 'a-1' },
    run: { id: 'run-1' },
    operation: { first: { output: 'o' } },
    var: { run: 'evil' },
  });
});

test.each([
  [{ 'var.a': '1', 'var.a.b': '2' }],
  [{ 'var.a.b': '2', 'var.a': '1' }],
  [{ a: '{}', 'a.b': '1' }],
])('a name that is a value and a beginning is refused', (inputs) => {
  expect(() => scope(inputs)).toThrow(/is a value and also the beginning/);
});

test('names that objects know are names like others', () => {
  const variables = scope({ 'var.__proto__': '"x"', 'var.constructor.name': '"y"' });
  expect(valueToJson(variables.get('var') ?? stringValue(''))).toBe(
    '{"__proto__":"x","constructor":{"name":"y"}}',
  );
});

test('marks of inputs stay', () => {
  const [action] = loadText(
    actionOf('run {\n command = ["true"]\n }', 'input "t" {\n sensitive = true\n }'),
  ).actions;
  if (action === undefined) throw new Error('no action');
  const variables = variablesOf(
    { action, inputs: new Map([['t', stringValue('s', SENSITIVE | TAINTED)]]), context },
    new Map(),
  );
  expect(marksOf(variables.get('var') ?? stringValue(''))).toBe(SENSITIVE | TAINTED);
});
