// Warns of what an expression asks of the agent and the agent's own settings do not give: a run would be refused.
import type { Expression } from '../ast.ts';
import type { Report } from '../schema.ts';
import { constantText } from './constants.ts';
import type { AgentSettings } from './definition.ts';
import { referencesOf } from './references.ts';

export function checkSettingsUse(expression: Expression, settings: AgentSettings, report: Report): void {
  for (const { name, arguments: given } of referencesOf(expression).calls) {
    const [argument] = given;
    const text = argument === undefined ? null : constantText(argument);
    if (argument === undefined || text === null) continue;
    const detail = missing(name, text, settings);
    if (detail === null) continue;
    report(argument, {
      severity: 'warning',
      summary: 'Not allowed by the agent',
      detail,
      code: 'not_allowed',
    });
  }
}

function missing(name: string, text: string, settings: AgentSettings): string | null {
  switch (name) {
    case 'env':
      return settings.envAllow.includes(text)
        ? null
        : `\`env_allow\` of the \`agent\` block does not name \`${text}\`: every run would fail.`;
    case 'file':
      return settings.filesAllow.some((pattern) => admits(pattern, text))
        ? null
        : `\`files_allow\` of the \`agent\` block does not admit \`${text}\`: every run would fail.`;
    case 'secret':
      return settings.secrets.length > 0
        ? null
        : 'The `agent` block has no `secrets` source: every run would fail.';
    default:
      return null;
  }
}

/** Does a pattern admit a path? `*` stands for anything but `/` (rules.md 24). The agent asks this of real paths. */
export function admits(pattern: string, path: string): boolean {
  const wanted = pattern.split('/');
  const parts = path.split('/');
  return wanted.length === parts.length && wanted.every((part, at) => matches(part, parts[at] ?? ''));
}

/** One segment against one pattern segment, without a regular expression and in time bounded by their lengths. */
function matches(pattern: string, text: string): boolean {
  const [head = '', ...rest] = pattern.split('*');
  const tail = rest.pop();
  if (tail === undefined) return pattern === text;
  if (!text.startsWith(head) || text.length < head.length + tail.length || !text.endsWith(tail)) return false;
  let at = head.length;
  for (const piece of rest) {
    const found = text.indexOf(piece, at);
    if (found === -1 || found + piece.length > text.length - tail.length) return false;
    at = found + piece.length;
  }
  return at <= text.length - tail.length;
}
