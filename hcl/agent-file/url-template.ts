// The parts of a URL that is written as a template, and in which zone of the URL (RFC 3986, section 3) each stands.
import type { Expression, TemplatePart } from '../ast.ts';

export type UrlZone = 'scheme' | 'authority' | 'path' | 'query' | 'fragment';

/** Literal text, or an expression whose text is put in. */
export type UrlPiece =
  | { readonly piece: 'text'; readonly text: string }
  | { readonly piece: 'hole'; readonly expression: Expression; readonly zone: UrlZone };

/**
 * The pieces of a URL in order. A plan percent-encodes what is foreign in the path and the query, and then the origin
 * is the one that the literal pieces give. An expression that begins a URL counts as its scheme and authority.
 */
export function urlPieces(expression: Expression): readonly UrlPiece[] {
  let zone: UrlZone = 'scheme';
  return flatten(expression).map((part) => {
    if (typeof part !== 'string') return { piece: 'hole', expression: part, zone };
    zone = zoneAfter(zone, part);
    return { piece: 'text', text: part };
  });
}

function flatten(expression: Expression): readonly (string | Expression)[] {
  if (expression.node === 'parentheses') return flatten(expression.inner);
  return expression.node === 'template' ? expression.parts.flatMap(flattenPart) : [expression];
}

function flattenPart(part: TemplatePart): readonly (string | Expression)[] {
  if (part.part === 'text') return [part.value];
  if (part.part === 'interpolation') return flatten(part.expression);
  return [{ node: 'template', form: 'bare', parts: [part], start: part.start, end: part.end }];
}

function zoneAfter(before: UrlZone, text: string): UrlZone {
  let zone = before;
  let rest = text;
  if (zone === 'scheme') {
    const authority = rest.indexOf('://');
    const opened = /^[/?#\\]/.test(rest);
    if (authority === -1 && !opened) return zone;
    zone = 'authority';
    rest = opened ? rest : rest.slice(authority + 3);
  }
  if (zone === 'authority') {
    const end = rest.search(/[/?#\\]/);
    if (end === -1) return zone;
    zone = 'path';
    rest = rest.slice(end);
  }
  if (zone === 'path' && /^[^#]*\?/.test(rest)) zone = 'query';
  return rest.includes('#') ? 'fragment' : zone;
}
