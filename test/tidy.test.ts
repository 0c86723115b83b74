// The style of the code as a test: what a linter cannot say, with the file, the line and what to do instead.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(root, file)));
const sources = files.filter((file) =>
  /^(protocol|hcl|agent|control-plane|cli|examples|bench)\/.*\.ts$/.test(file),
);
const tests = files.filter((file) => /^test\/.*\.ts$/.test(file));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');

/** Every line of `among` that matches, as `file:line`. */
function linesThat(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  );
}

test('every source file opens with a sentence that says what it is for', () => {
  const silent = sources.filter((file) => {
    const first = read(file)
      .split('\n')
      .find((line) => !line.startsWith('#!'));
    return first === undefined || !/^\/\/ \S.{10,}/.test(first);
  });
  expect(silent).toEqual([]);
});

test('no source file is longer than 400 lines', () => {
  expect(sources.filter((file) => read(file).split('\n').length > 401)).toEqual([]);
});

test('half of the source files have at most 150 lines', () => {
  const lengths = sources.map((file) => read(file).split('\n').length).sort((a, b) => a - b);
  expect(lengths[Math.floor(lengths.length / 2)]).toBeLessThanOrEqual(150);
});

test('no file is called util, helper, manager, service, common or misc, and none is a barrel', () => {
  const named = sources.filter((file) => {
    const words = basename(file, '.ts').split('-');
    return words.some((word) => /^(utils?|helpers?|manager|common|misc|index)$/.test(word));
  });
  expect(named).toEqual([]);
});

test('file names are in kebab case', () => {
  const strange = [...sources, ...tests].filter((file) => !/^[a-z0-9][a-z0-9.-]*$/.test(basename(file)));
  expect(strange).toEqual([]);
});

test('nothing is left to do in a comment', () => {
  const marks = new RegExp(
    ['TO' + 'DO', 'FIX' + 'ME', 'X' + 'XX', 'HA' + 'CK'].map((word) => `\\b${word}\\b`).join('|'),
  );
  expect(linesThat(marks, [...sources, ...tests])).toEqual([]);
});

test('rules are not switched off in the code', () => {
  const switches = new RegExp(
    ['eslint-' + 'disable', '@ts-' + 'ignore', '@ts-' + 'expect-error', 'prettier-' + 'ignore'].join('|'),
  );
  expect(linesThat(switches, sources)).toEqual([]);
});

test('the environment, the arguments and the exit of the process are touched at the edge only', () => {
  const edge =
    /^(agent|control-plane|cli)\/(main|config)\.ts$|^examples\/|^bench\/|^agent\/(keeper|fault|environment|commands\/.*)\.ts$|^cli\/config\.ts$/;
  const inside = sources.filter((file) => !edge.test(file));
  expect(linesThat(/process\.(env|argv|exit)\b(?!Code)/, inside)).toEqual([]);
});

test('time and chance are parameters of what a simulation drives', () => {
  const pure = sources.filter((file) => /^(protocol|hcl)\/|^control-plane\/runs\/|^agent\/decide/.test(file));
  expect(linesThat(/\bDate\.now\(|\bMath\.random\(|(?<![.\w])setTimeout\(/, pure)).toEqual([]);
});

test('protocol and hcl run in a browser', () => {
  const shared = sources.filter((file) => /^(protocol|hcl)\//.test(file));
  expect(linesThat(/from 'node:|\bBuffer\./, shared)).toEqual([]);
});

test('the JavaScript regular expressions never see a pattern from outside', () => {
  const language = sources.filter((file) => file.startsWith('hcl/'));
  // A constant of our own at the top of a file is no such pattern.
  expect(linesThat(/^(?!const ).*new RegExp\(/, language)).toEqual([]);
});

test('a unit test stands where its source stands', () => {
  const astray = tests
    .filter((file) => /^test\/(protocol|hcl|agent|control-plane|cli)\/.*\.test\.ts$/.test(file))
    .filter((file) => {
      const path = file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
      const [folder = ''] = path.match(/^.*(?=\/)/) ?? [];
      return (
        !existsSync(join(root, `${path}.ts`)) &&
        !existsSync(join(root, path)) &&
        !existsSync(join(root, folder))
      );
    });
  expect(astray).toEqual([]);
});

test('every dependency has a line that justifies it, and every line a dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const page = read('docs/dependencies.md');
  const rows = [...page.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell = '']) => cell);
  const listed = rows.filter((cell) => cell !== 'package' && !cell.startsWith('-')).join(', ');
  const names = Object.keys({ ...dependencies, ...devDependencies });
  expect(listed.split(', ').sort()).toEqual(names.sort());
});

test('versions are pinned', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<
    string,
    Record<string, string>
  >;
  const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(
    ([, version]) => !/^\d/.test(version),
  );
  expect(loose).toEqual([]);
});

test('the changelog opens with what is unreleased', () => {
  expect(read('CHANGELOG.md')).toMatch(/^# Changelog\n\n## Unreleased\n/);
});

test('migrations have the numbers of their places', () => {
  const migrations = files
    .filter((file) => /^control-plane\/store\/migrations\/\d/.test(file))
    .map((file) => basename(file));
  expect(migrations.map((name) => Number(name.slice(0, 4)))).toEqual(migrations.map((_, index) => index + 1));
});
