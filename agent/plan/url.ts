// Plans the address of a request. What is foreign is percent-encoded as one component, is never a dot segment, and
// cannot change where the request goes (rules.md 22; RFC 3986, sections 2.1 and 3.3; the URL standard's parser).
import type { Expression } from '../../hcl/ast.ts';
import { isWord } from '../../hcl/agent-file/pattern-language.ts';
import { hostWord } from '../../hcl/agent-file/safe-words.ts';
import type { Taint } from '../../hcl/agent-file/taint.ts';
import { isMapping, isSequence, marksOf, STRING, stringValue } from '../../hcl/values.ts';
import type { StringValue, Value } from '../../hcl/values.ts';
import { convert } from '../../hcl/convert.ts';
import { Failure } from '../../protocol/failures.ts';
import type { Evaluator } from './evaluator.ts';
import { piecesOf } from './pieces.ts';

/** Scheme and authority are complete: what follows is path, query or fragment. */
const afterAuthority = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^/?#\\]*[/?#\\]/;

/**
 * The URL with its query. Throws `tainted_url` where an input would change more than one component of its path or
 * query, `evaluation_failed` for what is no http or https URL.
 */
export function planUrl(
  { url, query }: { readonly url: Expression; readonly query: Expression | null },
  evaluator: Evaluator,
): StringValue {
  const whole = evaluator.text(url);
  let text = '';
  /** What stands for foreign text while the path is looked at: no dot, so no segment is hidden by it. */
  const foreignParts: { readonly start: number; readonly end: number }[] = [];
  let literalOrigin: string | null = null;
  for (const { text: piece, taints } of piecesOf(url, evaluator)) {
    if (literalOrigin === null && afterAuthority.test(text)) literalOrigin = originOf(text);
    if (taints.length === 0) text += piece;
    else if (literalOrigin === null) text += checkedHost(piece, taints, evaluator);
    else {
      const encoded = encodeURIComponent(piece);
      foreignParts.push({ start: text.length, end: text.length + encoded.length });
      text += encoded;
    }
  }
  checkSegments(text, foreignParts);
  const complete = withQuery(text, query === null ? '' : planQuery(query, evaluator));
  const origin = originOf(complete);
  if (origin === null || !/^https?:/i.test(complete)) {
    throw evaluator.fail(url, 'this is not a URL that begins with http:// or https://.');
  }
  if (literalOrigin !== null && origin !== literalOrigin) {
    throw new Failure('tainted_url', 'An input would change the scheme, user, host or port of the URL.');
  }
  const marks = query === null ? whole.marks : whole.marks | marksOf(evaluator.value(query));
  return stringValue(complete, marks);
}

/** An input may be part of an authority only when its author listed its values or each is a plain host word. */
function checkedHost(piece: string, taints: readonly Taint[], { action }: Evaluator): string {
  const chosen = taints.every(({ input, through }) => input?.options !== undefined && through === null);
  if (action.compatibility || chosen || isWord(piece, hostWord)) return piece;
  throw new Failure(
    'tainted_url',
    `${taints[0]?.name ?? 'An input'} would change the scheme, user, host or port of the URL.`,
  );
}

/** Scheme, user, host and port as the URL standard reads them, or null where it reads none. */
function originOf(text: string): string | null {
  const parsed = URL.parse(text);
  return parsed === null ? null : `${parsed.protocol}//${parsed.username}:${parsed.password}@${parsed.host}`;
}

function checkSegments(
  text: string,
  foreignParts: readonly { readonly start: number; readonly end: number }[],
): void {
  const pathEnd = text.search(/[?#]/);
  const end = pathEnd === -1 ? text.length : pathEnd;
  const authority = afterAuthority.exec(text)?.[0].length ?? 0;
  for (const part of foreignParts) {
    // An empty part may stand right before the query.
    if (part.start > end) continue;
    const from = Math.max(text.lastIndexOf('/', part.start - 1), text.lastIndexOf('\\', part.start - 1));
    const slash = text.slice(part.end, end).search(/[/\\]/);
    const segment = text.slice(Math.max(from + 1, authority), slash === -1 ? end : part.end + slash);
    if (segment === '' || /^(?:\.|%2e){1,2}$/i.test(segment)) {
      throw new Failure(
        'tainted_url',
        'An input would leave a part of the path empty, or make it "." or "..", and so name another resource.',
      );
    }
  }
}

function withQuery(url: string, query: string): string {
  if (query === '') return url;
  const [before = '', ...fragment] = url.split('#');
  const joint = !before.includes('?') ? '?' : /[?&]$/.test(before) ? '' : '&';
  return [before + joint + query, ...fragment].join('#');
}

/** Names and values percent-encoded; a list repeats its name; what is null is left out. */
function planQuery(expression: Expression, evaluator: Evaluator): string {
  const found = evaluator.value(expression);
  if (!isMapping(found)) throw evaluator.fail(expression, '`query` is a map.');
  const pairs: string[] = [];
  for (const [name, member] of found.entries) {
    for (const value of isSequence(member) ? member.items : [member]) {
      if (value.kind === 'null') continue;
      pairs.push(
        `${encodeURIComponent(name)}=${encodeURIComponent(queryText(value, expression, evaluator))}`,
      );
    }
  }
  return pairs.join('&');
}

function queryText(value: Value, expression: Expression, evaluator: Evaluator): string {
  const converted = convert(value, STRING);
  if ('value' in converted && converted.value.kind === 'string') return converted.value.value;
  throw evaluator.fail(expression, 'the values of `query` are texts, numbers, bools or lists of them.');
}
