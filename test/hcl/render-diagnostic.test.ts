import { expect, test } from 'vitest';
import type { Diagnostic } from '../../hcl/diagnostic.ts';
import { parseFile } from '../../hcl/parse.ts';
import { renderDiagnostic } from '../../hcl/render-diagnostic.ts';

function rendered(text: string): string {
  return parseFile('agent.hcl', text)
    .diagnostics.map((diagnostic) => renderDiagnostic(diagnostic, { color: false }))
    .join('\n');
}

function diagnosticAt(text: string, start: number, end: number): Diagnostic {
  return {
    severity: 'warning',
    summary: 'S',
    detail: 'D',
    source: { name: 'f', text },
    span: { start, end },
  };
}

test('the place, the line with the range underlined, and what to do', () => {
  expect(
    rendered('action "launch" {\n\n  run {\n      command = ["./launch.sh", "-delay" var.delay]\n  }\n}\n'),
  ).toBe(
    [
      'agent.hcl:4:42: error: Missing item separator',
      '  4 |       command = ["./launch.sh", "-delay" var.delay]',
      '    |                                          ^^^',
      '  A comma before the next item, or the closing bracket, is expected here, but there is the name',
      '  "var".',
    ].join('\n'),
  );
});

test('the line that opened what is not closed is shown as well', () => {
  expect(rendered('a = [\n  1,\n  2\nb = 3\n').split('\n').slice(1, 5)).toEqual([
    '  1 | a = [',
    '    …',
    '  4 | b = 3',
    '    | ^',
  ]);
});

test('tabs and wide characters do not move the underline', () => {
  const [, line, underline] = renderDiagnostic(diagnosticAt('\t日本 = x', 6, 7), { color: false }).split(
    '\n',
  );
  expect(line).toBe('  1 |     日本 = x');
  expect(underline).toBe(`    | ${' '.repeat(4 + 4 + 3)}^`);
});

test('a range over several lines is underlined on its first', () => {
  expect(
    renderDiagnostic(diagnosticAt('ab\ncd', 1, 4), { color: false })
      .split('\n')
      .slice(1, 3),
  ).toEqual(['  1 | ab', '    |  ^']);
});

test('an empty range is one caret', () => {
  expect(
    renderDiagnostic(diagnosticAt('ab', 2, 2), { color: false })
      .split('\n')
      .slice(1, 3),
  ).toEqual(['  1 | ab', '    |   ^']);
});

test('a long line is cut around the range', () => {
  const [, line, underline] = renderDiagnostic(
    diagnosticAt(`${'a'.repeat(5_000)}X${'b'.repeat(5_000)}`, 5_000, 5_001),
    { color: false },
  ).split('\n');
  expect(line?.length).toBeLessThan(200);
  expect(line).toContain('…a');
  expect(line).toContain('b…');
  expect(line?.[underline?.indexOf('^') ?? -1]).toBe('X');
});

test('no text can steer a terminal', () => {
  const diagnostic = {
    ...diagnosticAt('a\u001b[31m\u202eb\u0007', 0, 1),
    summary: 'x\u001b[0m',
    detail: 'y\u009b1m',
  };
  expect(renderDiagnostic(diagnostic, { color: false })).not.toMatch(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e]/,
  );
});

test('with color only the marks differ', () => {
  const diagnostic = diagnosticAt('ab', 0, 1);
  const colored = renderDiagnostic(diagnostic, { color: true });
  expect(colored).toContain('\u001b[33mwarning\u001b[0m');
  expect(colored.replace(/\u001b\[\d+m/g, '')).toBe(renderDiagnostic(diagnostic, { color: false }));
});
