// Diagnostics for people: the place, the source line with the range underlined, and what to do.
import type { Source, Span } from './ast.ts';
import { graphemesOf } from './characters.ts';
import { lineText, positionOf } from './diagnostic.ts';
import type { Diagnostic } from './diagnostic.ts';
import { shownColumnsMax } from './limits.ts';

/**
 * `file:line:column: error: summary`, the line, the underline and the detail, in several lines without a final newline.
 * Control characters of the source are shown as U+FFFD, so that no text can steer a terminal.
 */
export function renderDiagnostic(diagnostic: Diagnostic, options: { readonly color: boolean }): string {
  const { severity, summary, detail, source, span, context } = diagnostic;
  const paint = options.color ? ansi : (_style: string, text: string): string => text;
  const hue = severity === 'error' ? RED : YELLOW;
  const { line, column } = positionOf(source, span.start);
  const { shown, underline } = excerpt(source, line, span);
  const number = (of: number | string): string => String(of).padStart(String(line).length);
  const opening = context === undefined ? line : positionOf(source, context.start).line;
  return [
    `${paint(BOLD, visible(`${source.name}:${String(line)}:${String(column)}`))}: ${paint(hue, severity)}: ${paint(BOLD, visible(summary))}`,
    ...(opening < line ? [`  ${number(opening)} | ${excerpt(source, opening, context ?? span).shown}`] : []),
    ...(opening < line - 1 ? [`  ${number('')} …`] : []),
    `  ${number(line)} | ${shown}`.trimEnd(),
    `  ${number('')} | ${paint(hue, underline)}`,
    ...wrap(visible(detail)).map((row) => `  ${row}`),
  ].join('\n');
}

const RED = '31';
const YELLOW = '33';
const BOLD = '1';

function ansi(style: string, text: string): string {
  return `\u001b[${style}m${text}\u001b[0m`;
}

/** The line around the span, cut to what a terminal can show, and carets below the part of the span that is in it. */
function excerpt(
  source: Source,
  line: number,
  span: Span,
): { readonly shown: string; readonly underline: string } {
  const text = lineText(source, line);
  const from = span.start - (source.lineStarts?.[line - 1] ?? 0);
  const to = Math.min(text.length, from + Math.max(0, span.end - span.start));
  const half = shownColumnsMax / 2;
  const before = toCells(from > half ? `…${text.slice(from - half, from)}` : text.slice(0, from));
  const marked = toCells(text.slice(from, Math.min(to, from + half)));
  const after = text.slice(from + half < to ? from + half : to);
  const rest = toCells(after.length > half ? `${after.slice(0, half)}…` : after);
  return {
    shown: before.text + marked.text + rest.text,
    underline: ' '.repeat(before.width) + '^'.repeat(Math.max(1, marked.width)),
  };
}

const wide =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}/u;

/** Text as a terminal shows it, and the columns it takes there: wide characters take two, a tab is shown as four. */
function toCells(text: string): { readonly text: string; readonly width: number } {
  const safe = visible(text.replaceAll('\t', '    '));
  if (/^[\x20-\x7e]*$/.test(safe)) return { text: safe, width: safe.length };
  let width = 0;
  for (const grapheme of graphemesOf(safe)) width += wide.test(grapheme) ? 2 : 1;
  return { text: safe, width };
}

/** Control characters, line separators and direction marks could change what a person believes to read. */
function visible(text: string): string {
  return text.replace(
    /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g,
    '\ufffd',
  );
}

const DETAIL_COLUMNS = 96;

/** Breaks sentences between words. Line breaks in the text stay. */
function wrap(text: string): readonly string[] {
  return text.split('\n').flatMap((paragraph) => {
    const rows: string[] = [];
    let row = '';
    for (const word of paragraph.split(' ')) {
      if (row !== '' && row.length + 1 + word.length > DETAIL_COLUMNS) {
        rows.push(row);
        row = word;
      } else row = row === '' ? word : `${row} ${word}`;
    }
    return [...rows, row];
  });
}
