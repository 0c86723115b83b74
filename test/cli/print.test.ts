import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { duration, openPrinter, paint, table, time } from '../../cli/print.ts';

function printer(
  options: {
    readonly stdout?: boolean;
    readonly stderr?: boolean;
    readonly json?: boolean;
    readonly environment?: Record<string, string>;
  } = {},
) {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({
    isTTY: options[name] ?? false,
    write: (chunk: string | Uint8Array) => (written[name] += String(chunk)),
  });
  const streams = { stdout: stream('stdout'), stderr: stream('stderr') };
  const print = openPrinter(streams, { json: options.json ?? false, environment: options.environment ?? {} });
  return { print, written };
}

describe('colour', () => {
  const isColored = (options: Parameters<typeof printer>[0]) => {
    const { print, written } = printer(options);
    print.out(paint(print, 'red', 'x'));
    print.err(paint(print, 'red', 'x'));
    return [written.stdout.includes('\u001b'), written.stderr.includes('\u001b')];
  };

  test('is for terminals, each stream for itself', () => {
    expect(isColored({})).toEqual([false, false]);
    expect(isColored({ stdout: true, stderr: true })).toEqual([true, true]);
    expect(isColored({ stdout: true })).toEqual([true, false]);
    expect(isColored({ stderr: true })).toEqual([false, false]);
  });

  test('is not for who does not want it, and not in JSON', () => {
    const terminal = { stdout: true, stderr: true };
    expect(isColored({ ...terminal, environment: { NO_COLOR: '1' } })).toEqual([false, false]);
    expect(isColored({ ...terminal, environment: { NO_COLOR: '' } })).toEqual([true, true]);
    expect(isColored({ environment: { FORCE_COLOR: '1' } })).toEqual([true, true]);
    expect(isColored({ environment: { FORCE_COLOR: '0' } })).toEqual([false, false]);
    expect(isColored({ ...terminal, json: true })).toEqual([false, true]);
  });
});

test('what others named cannot control the terminal, our own colours can', () => {
  const { print, written } = printer({ stdout: true });
  print.out(`${paint(print, 'green', 'ok')} \u001b]0;owned\u0007\u001b[2J\u001b[8mhidden\rover`);
  expect(written.stdout).toBe('\u001b[32mok\u001b[0m hidden\nover\n');
});

test('JSON says every character, and none of them as a control character', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), (value, text) => {
      const { print, written } = printer({ json: true });
      const data = { value, text: text + '\u001b[31m\u009b31m\u0085' };
      print.data(data);
      expect(written.stdout.slice(0, -1)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
      expect(JSON.parse(written.stdout)).toEqual(JSON.parse(JSON.stringify(data)));
    }),
  );
});

test('a table has straight columns, one line a row, and colours that take no room', () => {
  const { print } = printer({ stdout: true });
  const text = table(
    ['NAME', 'STATE'],
    [
      ['a', paint(print, 'green', 'ok')],
      ['longer name', 'x\nfake row'],
      ['', ''],
    ],
  );
  expect(text.split('\n')).toEqual([
    'NAME         STATE',
    'a            \u001b[32mok\u001b[0m',
    'longer name  x fake row',
    '',
  ]);
  expect(table(['A'], [])).toBe('A');
  expect(
    table(
      ['A', 'B'],
      Array.from({ length: 200_000 }, () => ['a', 'b']),
    ).length,
  ).toBeGreaterThan(1_000_000);
});

test('times and durations read as people write them', () => {
  expect(time(null)).toBe('-');
  expect(time(0)).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  expect([0, 999, 999.6, 1_000, 59_949, 59_999, 60_000, 119_999, 3_600_000].map(duration)).toEqual([
    '0 ms',
    '999 ms',
    '1.0 s',
    '1.0 s',
    '59.9 s',
    '1 min 0 s',
    '1 min 0 s',
    '2 min 0 s',
    '60 min 0 s',
  ]);
});
