import { expect, test } from 'vitest';
import { actionOf, planText } from '../../support/plan-action.ts';
import type { PlannedDir } from '../../../agent/plan/operation-plan.ts';

function dir(expression: string, x = '', command = '["/bin/true"]'): PlannedDir | null {
  const text = actionOf(
    `run {\n command = ${command}\n dir = ${expression}\n }`,
    'input "x" {\n default = ""\n }',
  );
  const plan = planText(text, { inputs: { x: JSON.stringify(x) } });
  if (plan.kind !== 'run') throw new Error(plan.kind);
  return plan.dir;
}

test('a literal one stands as it is, an absolute or a relative one', () => {
  expect(dir('"/srv/deploy"', '', '["./a"]')).toMatchObject({ path: { value: '/srv/deploy' }, within: null });
  expect(dir('"work"')).toMatchObject({ path: { value: 'work' }, within: null });
});

test('an input may be the last folder, or the end of its name', () => {
  expect(dir('"/srv/${var.x}"', 'app')).toMatchObject({ path: { value: '/srv/app' }, within: '/srv/' });
  expect(dir('"/srv/${"app-"}${var.x}"', '1')).toMatchObject({
    path: { value: '/srv/app-1' },
    within: '/srv/',
  });
});

test.each(['..', '.', '', 'a/b', '../etc', '/etc', 'a/'])('but not %j', (x) => {
  expect(() => dir('"/srv/${var.x}"', x)).toThrow(/would lead the working directory out of \/srv\//);
});

test('and then the program is given by its absolute path', () => {
  expect(() => dir('"/srv/${var.x}"', 'app', '["./run.sh"]')).toThrow(/absolute path/);
  expect(() => dir('"/srv/${var.x}"', 'app', '["make"]')).toThrow(/absolute path/);
});

test('an empty one is none', () => {
  expect(() => dir('join("", [])')).toThrow(/empty/);
});
