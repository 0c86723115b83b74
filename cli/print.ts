// How the commands speak: tables and sentences for people, JSON for machines, colour only on a terminal.
import type { RunState } from '../protocol/states.ts';

export interface Printer {
  readonly json: boolean;
  /** Where results go, and whether it is a terminal that wants colour. */
  readonly color: boolean;
  out(text: string): void;
  /** Raw bytes of a run's output. */
  bytes(bytes: Uint8Array): void;
  err(text: string): void;
}

export interface Streams {
  readonly stdout: { readonly isTTY?: boolean; write(chunk: string | Uint8Array): unknown };
  readonly stderr: { write(chunk: string): unknown };
}

/** NO_COLOR (no-color.org) and FORCE_COLOR are heard. */
export function openPrinter(
  streams: Streams,
  options: { readonly json: boolean; readonly environment: Readonly<Record<string, string | undefined>> },
): Printer {
  const forced = (options.environment['FORCE_COLOR'] ?? '0') !== '0';
  const refused = (options.environment['NO_COLOR'] ?? '') !== '';
  return {
    json: options.json,
    color: forced || (streams.stdout.isTTY === true && !refused && !options.json),
    out: (text) => void streams.stdout.write(`${text}\n`),
    bytes: (bytes) => void streams.stdout.write(bytes),
    err: (text) => void streams.stderr.write(`${text}\n`),
  };
}

const colors = {
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  magenta: 35,
  cyan: 36,
  gray: 90,
  bold: 1,
} as const;
export type Color = keyof typeof colors;

export function paint(printer: Pick<Printer, 'color'>, color: Color, text: string): string {
  return printer.color ? `\u001b[${colors[color]}m${text}\u001b[0m` : text;
}

const stateColors: Readonly<Record<RunState, Color>> = {
  queued: 'gray',
  offered: 'cyan',
  running: 'blue',
  succeeded: 'green',
  failed: 'red',
  canceled: 'yellow',
  timed_out: 'red',
  indeterminate: 'magenta',
  expired: 'yellow',
  refused: 'red',
};

export function paintState(printer: Pick<Printer, 'color'>, state: RunState): string {
  return paint(printer, stateColors[state], state.replace('_', ' '));
}

/** Columns as wide as their widest cell; escape sequences of colour take no room. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => visibleLength(row[column] ?? ''))));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell + ' '.repeat(Math.max(0, (widths[column] ?? 0) - visibleLength(cell))))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function visibleLength(text: string): number {
  return text.replace(/\u001b\[[0-9;]*m/g, '').length;
}

/** `2026-11-24 14:05:47`, local time; a dash for null. */
export function time(epochMs: number | null): string {
  if (epochMs === null) return '-';
  const date = new Date(epochMs);
  const pad = (number: number): string => String(number).padStart(2, '0');
  return (
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  );
}

/** `850 ms`, `12.3 s`, `4 min 5 s`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s`;
}

/**
 * Takes terminal control sequences out of output (rules.md 28), so that a run cannot rewrite a reader's screen:
 * what ECMA-48 calls CSI, OSC, DCS, SOS, PM and APC, and lone control characters except tab and line ends.
 */
export function stripControls(text: string): string {
  return text
    .replace(/\u001b\[[0-?]*[ -/]*[@-~]/g, '')
    .replace(/\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)/g, '')
    .replace(/\u001b[ -/]*[0-~]?/g, '')
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g, '')
    .replace(/\r(?!\n)/g, '\n');
}
