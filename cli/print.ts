// How the commands speak: tables and sentences for people, JSON for machines, colour only on a terminal. Names,
// descriptions and messages come from others, so whatever is written for people passes here.
import type { RunState } from '../protocol/states.ts';
import { stripControls } from './strip-controls.ts';

export interface Printer {
  readonly json: boolean;
  /** Whether results go to a terminal that wants colour. */
  readonly color: boolean;
  /** A line for people, without control sequences except our own colours. */
  out(text: string): void;
  /** A line of JSON. */
  data(value: unknown): void;
  /** Raw bytes of a run's output. */
  bytes(bytes: Uint8Array): void;
  /** A line beside the results: errors, hints, progress. */
  err(text: string): void;
}

export interface Streams {
  readonly stdout: { readonly isTTY?: boolean; write(chunk: string | Uint8Array): unknown };
  readonly stderr: { readonly isTTY?: boolean; write(chunk: string): unknown };
}

/** NO_COLOR (no-color.org) and FORCE_COLOR are heard; the second wins, as in Node. */
export function openPrinter(
  streams: Streams,
  options: { readonly json: boolean; readonly environment: Readonly<Record<string, string | undefined>> },
): Printer {
  const forced = (options.environment['FORCE_COLOR'] ?? '0') !== '0';
  const refused = (options.environment['NO_COLOR'] ?? '') !== '';
  const wants = (stream: { readonly isTTY?: boolean }): boolean =>
    forced || (stream.isTTY === true && !refused);
  const color = wants(streams.stdout) && !options.json;
  const errorColor = wants(streams.stderr);
  return {
    json: options.json,
    color: color || (options.json && errorColor),
    out: (text) => void streams.stdout.write(`${forPeople(text, color)}\n`),
    data: (value) => void streams.stdout.write(`${escapeControls(JSON.stringify(value))}\n`),
    bytes: (bytes) => void streams.stdout.write(bytes),
    err: (text) => void streams.stderr.write(`${forPeople(text, errorColor)}\n`),
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

/** What `paint` writes, and nothing else. */
const painted = new RegExp(`(\\u001b\\[(?:${[0, ...Object.values(colors)].join('|')})m)`);

function forPeople(text: string, color: boolean): string {
  const pieces = text.split(painted);
  // Every second piece is a colour of ours.
  return pieces
    .map((piece, index) => (index % 2 === 1 ? (color ? piece : '') : stripControls(escapeControls(piece))))
    .join('');
}

/** The control characters that JSON leaves as they are are shown as JSON would escape them. */
function escapeControls(text: string): string {
  return text.replace(
    /[\u007f-\u009f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
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

/** Columns as wide as their widest cell; escape sequences of colour take no room, and a cell is one line. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows].map((row) => row.map((cell) => cell.replace(/\s*[\r\n\t]+\s*/g, ' ')));
  const widths = head.map((_, column) =>
    all.reduce((width, row) => Math.max(width, visibleLength(row[column] ?? '')), 0),
  );
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
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  if (Math.round(ms / 100) < 600) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
