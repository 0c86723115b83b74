// What changes between two texts of equally many lines, as a unified diff.

const CONTEXT_LINES = 3;

/**
 * A unified diff of a text and what it becomes, empty when nothing changes. Lines are compared in pairs: a formatter
 * changes lines but neither adds nor removes any.
 */
export function lineDiff(name: string, before: string, after: string): string {
  const from = linesOf(before);
  const to = linesOf(after);
  const changed = from.flatMap((line, index) => (line === to[index] ? [] : [index]));
  if (changed.length === 0) return '';
  const hunks = groupOf(changed).map(({ first, last }) => {
    const start = Math.max(0, first - CONTEXT_LINES);
    const end = Math.min(from.length, last + 1 + CONTEXT_LINES);
    const range = `${String(start + 1)},${String(end - start)}`;
    return `@@ -${range} +${range} @@\n${hunkBody(from.slice(start, end), to.slice(start, end))}`;
  });
  return `--- ${name}\n+++ ${name}\n${hunks.join('')}`;
}

/** Lines with their newlines; the last may have none. */
function linesOf(text: string): readonly string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

/** Changed lines that are near enough to share their context. */
function groupOf(changed: readonly number[]): readonly { readonly first: number; readonly last: number }[] {
  const groups: { first: number; last: number }[] = [];
  for (const index of changed) {
    const group = groups.at(-1);
    if (group !== undefined && index - group.last <= 2 * CONTEXT_LINES) group.last = index;
    else groups.push({ first: index, last: index });
  }
  return groups;
}

/** Of neighbouring changed lines first what goes, then what comes. */
function hunkBody(from: readonly string[], to: readonly string[]): string {
  let body = '';
  let added = '';
  for (const [index, line] of from.entries()) {
    const other = to[index] ?? '';
    if (line === other) {
      body += added + marked(' ', line);
      added = '';
    } else {
      body += marked('-', line);
      added += marked('+', other);
    }
  }
  return body + added;
}

function marked(mark: string, line: string): string {
  return line.endsWith('\n') ? mark + line : `${mark}${line}\n\\ No newline at end of file\n`;
}
