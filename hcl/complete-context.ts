// Where in a file a position is, read from the tokens alone, so that it is known while the text is unfinished.
import { scan } from './scan.ts';
import { Token } from './tokens.ts';
import type { TokenKind, Tokens } from './tokens.ts';

/** A block that encloses the position, from the outside in. */
export interface OpenBlock {
  readonly type: string;
  readonly labels: readonly string[];
  /** Offset of its type. */
  readonly start: number;
  /** Names of the attributes and blocks in it, before and after the position. */
  readonly names: ReadonlySet<string>;
}

export interface Context {
  readonly blocks: readonly [OpenBlock, ...OpenBlock[]];
  readonly at:
    /** Where an attribute or a block begins. */
    | { readonly place: 'body' }
    /** In a label of a block of this type; `index` from 0. */
    | { readonly place: 'label'; readonly type: string; readonly index: number }
    /** In the expression of an attribute; `quoted` in literal text, where no name means anything. */
    | {
        readonly place: 'value';
        readonly attribute: string;
        readonly quoted: boolean;
        /** Names that `for` gives here. */
        readonly bound: readonly string[];
      }
    | { readonly place: 'nowhere' };
}

type Frame =
  | {
      readonly kind: 'body';
      readonly block: OpenBlock & { readonly names: Set<string>; readonly labels: readonly string[] };
      mode: 'item' | 'header' | 'value';
      header: string[];
      headerStart: number;
    }
  | {
      readonly kind: 'inner';
      readonly quoted: boolean;
      readonly bound: string[];
      binding: 'no' | 'maybe' | 'yes';
    };

type BodyFrame = Frame & { readonly kind: 'body' };

/** The context of an offset. A name that ends at the offset is being written, and does not count. */
export function contextAt(text: string, offset: number): Context {
  const tokens = scan(text, { mode: 'expression', keepComments: true });
  const root = bodyFrame({ type: '', labels: [], start: 0, names: new Set() });
  const walk: Walk = { text, tokens, frames: [root], root };
  let found: Context | null = null;
  for (const [at, kind] of tokens.kinds.entries()) {
    const start = tokens.starts[at] ?? 0;
    const end = (tokens.ends[at] ?? 0) - (endsLine(walk, at) ? 1 : 0);
    if (found === null && end >= offset) {
      if (start >= offset) found = contextOf(walk, Token.end);
      else if (isTouched(kind)) {
        found = contextOf(walk, kind);
        if (kind === Token.identifier) continue;
      }
    }
    step(walk, at, endsLine(walk, at) ? Token.newline : kind);
  }
  return found ?? contextOf(walk, Token.end);
}

interface Walk {
  readonly text: string;
  readonly tokens: Tokens;
  readonly frames: Frame[];
  readonly root: BodyFrame;
}

function bodyFrame(block: BodyFrame['block']): BodyFrame {
  return { kind: 'body', block, mode: 'item', header: [], headerStart: 0 };
}

/** Tokens that the position may be inside of. */
function isTouched(kind: TokenKind): boolean {
  return kind === Token.identifier || kind === Token.text || kind === Token.comment;
}

function contextOf({ frames, root }: Walk, inside: TokenKind): Context {
  const bodies = frames.filter((frame) => frame.kind === 'body');
  const blocks: [OpenBlock, ...OpenBlock[]] = [root.block, ...bodies.slice(1).map(({ block }) => block)];
  const last = frames.at(-1) ?? root;
  const body = bodies.at(-1) ?? root;
  const place = (at: Context['at']): Context => ({ blocks, at });
  if (inside === Token.comment) return place({ place: 'nowhere' });
  if (body.mode === 'header') {
    const inLabel = last.kind === 'inner' || inside === Token.text;
    const [type = ''] = body.header;
    return place(inLabel ? { place: 'label', type, index: body.header.length - 1 } : { place: 'nowhere' });
  }
  if (body.mode === 'item') return place({ place: 'body' });
  const inner = frames.slice(frames.indexOf(body) + 1).filter((frame) => frame.kind === 'inner');
  const quoted = last.kind === 'inner' && last.quoted;
  return place({
    place: 'value',
    attribute: body.header[0] ?? '',
    quoted,
    bound: inner.flatMap(({ bound }) => bound),
  });
}

/** A line comment takes the end of its line with it. */
function endsLine({ text, tokens }: Walk, at: number): boolean {
  return tokens.kinds[at] === Token.comment && text[(tokens.ends[at] ?? 0) - 1] === '\n';
}

function step(walk: Walk, at: number, kind: TokenKind): void {
  const last = walk.frames.at(-1) ?? walk.root;
  if (kind === Token.comment) return;
  if (last.kind === 'inner') stepInner(walk, last, at);
  else if (last.mode === 'value') stepValue(walk, last, kind);
  else stepBody(walk, last, { at, kind });
}

function textAt({ text, tokens }: Walk, at: number): string {
  return text.slice(tokens.starts[at], tokens.ends[at]);
}

/** Attributes and block headers. */
function stepBody(walk: Walk, frame: BodyFrame, { at, kind }: { at: number; kind: TokenKind }): void {
  if (kind === Token.newline) {
    frame.mode = 'item';
  } else if (kind === Token.closeBrace) {
    if (walk.frames.length > 1) walk.frames.pop();
  } else if (frame.mode === 'item') {
    if (kind !== Token.identifier) return;
    frame.mode = 'header';
    frame.header = [textAt(walk, at)];
    frame.headerStart = walk.tokens.starts[at] ?? 0;
  } else if (kind === Token.assign) {
    frame.block.names.add(frame.header[0] ?? '');
    frame.mode = 'value';
  } else if (kind === Token.openBrace) {
    const [type = '', ...labels] = frame.header;
    frame.block.names.add(type);
    frame.mode = 'item';
    walk.frames.push(bodyFrame({ type, labels, start: frame.headerStart, names: new Set() }));
  } else if (kind === Token.openQuote) {
    walk.frames.push({ kind: 'inner', quoted: true, bound: [], binding: 'no' });
  } else if (kind === Token.identifier) {
    frame.header.push(textAt(walk, at));
  }
}

/** An expression outside of all brackets. */
function stepValue(walk: Walk, frame: BodyFrame, kind: TokenKind): void {
  if (kind === Token.newline) frame.mode = 'item';
  else if (kind === Token.closeBrace) {
    frame.mode = 'item';
    if (walk.frames.length > 1) walk.frames.pop();
  } else open(walk, kind);
}

function open(walk: Walk, kind: TokenKind): void {
  const quoted = kind === Token.openQuote || kind === Token.openHeredoc;
  if (quoted || opening.has(kind)) {
    const binding = kind === Token.openParenthesis || kind === Token.openInterpolation ? 'no' : 'maybe';
    walk.frames.push({ kind: 'inner', quoted, bound: [], binding });
  }
}

const opening: ReadonlySet<TokenKind> = new Set([
  Token.openBrace,
  Token.openBracket,
  Token.openParenthesis,
  Token.openInterpolation,
  Token.openDirective,
]);

const closing: ReadonlySet<TokenKind> = new Set([
  Token.closeBrace,
  Token.closeBracket,
  Token.closeParenthesis,
  Token.closeQuote,
  Token.closeHeredoc,
  Token.closeSequence,
]);

/** Inside brackets, templates and labels. `for a, b in` right after the opening gives two names. */
function stepInner(walk: Walk, frame: Frame & { readonly kind: 'inner' }, at: number): void {
  const kind = walk.tokens.kinds[at] ?? Token.end;
  if (kind === Token.unclosedQuote) {
    leaveLine(walk);
    return;
  }
  if (closing.has(kind)) {
    walk.frames.pop();
    const outer = walk.frames.at(-1);
    // The names of `%{ for }` hold in the template that follows it.
    if (outer?.kind === 'inner' && outer.quoted) outer.bound.push(...frame.bound);
    return;
  }
  if (kind === Token.identifier) {
    const word = textAt(walk, at);
    if (frame.binding === 'maybe') frame.binding = word === 'for' ? 'yes' : 'no';
    else if (frame.binding === 'yes') {
      if (word === 'in') frame.binding = 'no';
      else frame.bound.push(word);
    }
  } else if (kind !== Token.newline && kind !== Token.comma && kind !== Token.comment) frame.binding = 'no';
  const body = walk.frames.at(-2);
  if (kind === Token.text && body?.kind === 'body' && body.mode === 'header')
    body.header.push(textAt(walk, at));
  open(walk, kind);
}

/** After an open quote the next line begins anew. */
function leaveLine({ frames, root }: Walk): void {
  while (frames.at(-1)?.kind === 'inner') frames.pop();
  const body = frames.at(-1) ?? root;
  if (body.kind === 'body') body.mode = 'item';
}
