// The syntax tree of the HCL native syntax (hashicorp/hcl, hclsyntax/spec.md, "Structural Elements" and
// "Expressions"). Nodes carry offsets only; a Source turns an offset into a line and a column when asked.

/** A file's text and the offsets at which its lines begin. Offsets count UTF-16 code units. */
export interface Source {
  readonly name: string;
  readonly text: string;
  /** Offset of the first character of each line; made on first use by `positionOf`. */
  lineStarts?: readonly number[];
}

/** Half-open range of UTF-16 offsets in its source. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Body extends Span {
  readonly attributes: readonly Attribute[];
  readonly blocks: readonly Block[];
  /** Attributes and blocks together, in source order. */
  readonly items: readonly (Attribute | Block)[];
}

export interface Attribute extends Span {
  readonly node: 'attribute';
  readonly name: string;
  readonly nameSpan: Span;
  readonly expression: Expression;
}

export interface Block extends Span {
  readonly node: 'block';
  readonly type: string;
  readonly typeSpan: Span;
  readonly labels: readonly Label[];
  readonly body: Body;
  /** The header, from the type to the opening brace: what a diagnostic about the block underlines. */
  readonly header: Span;
}

export interface Label extends Span {
  readonly value: string;
  readonly quoted: boolean;
}

export type Expression =
  | LiteralExpression
  | TemplateExpression
  | VariableExpression
  | AttributeAccess
  | IndexAccess
  | SplatExpression
  | CallExpression
  | TupleExpression
  | ObjectExpression
  | ForExpression
  | ConditionalExpression
  | UnaryExpression
  | BinaryExpression
  | ParenthesesExpression
  | InvalidExpression;

/** A number (its digits exactly as written), true, false or null. */
export interface LiteralExpression extends Span {
  readonly node: 'literal';
  readonly literal:
    | { readonly kind: 'number'; readonly digits: string }
    | { readonly kind: 'bool'; readonly value: boolean }
    | { readonly kind: 'null' };
}

/** A quoted template or a heredoc. A template of one literal part, or of none, is a plain string. */
export interface TemplateExpression extends Span {
  readonly node: 'template';
  readonly form: 'quoted' | 'heredoc' | 'bare';
  readonly parts: readonly TemplatePart[];
}

/** Text is already unescaped, trimmed by `~` and, in a flush heredoc, freed of its indentation. */
export type TemplatePart =
  | ({ readonly part: 'text'; readonly value: string } & Span)
  | ({ readonly part: 'interpolation'; readonly expression: Expression } & Span)
  | ({
      readonly part: 'if';
      readonly condition: Expression;
      readonly then: readonly TemplatePart[];
      readonly otherwise: readonly TemplatePart[] | null;
    } & Span)
  | ({
      readonly part: 'for';
      readonly key: string | null;
      readonly value: string;
      readonly collection: Expression;
      readonly body: readonly TemplatePart[];
    } & Span);

export interface VariableExpression extends Span {
  readonly node: 'variable';
  readonly name: string;
}

/** `object.name`; also the legacy `object.0`, which is an IndexAccess with `legacy`. */
export interface AttributeAccess extends Span {
  readonly node: 'attribute-access';
  readonly object: Expression;
  readonly name: string;
  readonly nameSpan: Span;
}

export interface IndexAccess extends Span {
  readonly node: 'index';
  readonly object: Expression;
  readonly key: Expression;
  readonly legacy: boolean;
}

/** `source.*.a` (attribute-only) or `source[*].a[0]` (full); `each` starts from the `splat-item`. */
export interface SplatExpression extends Span {
  readonly node: 'splat';
  readonly form: 'attribute' | 'full';
  readonly source: Expression;
  /** The accesses applied to each element, in order; empty when nothing follows. */
  readonly each: readonly (
    | ({ readonly step: 'attribute'; readonly name: string; readonly nameSpan: Span } & Span)
    | ({ readonly step: 'index'; readonly key: Expression; readonly legacy: boolean } & Span)
    | ({ readonly step: 'splat'; readonly form: 'attribute' | 'full' } & Span)
  )[];
}

export interface CallExpression extends Span {
  readonly node: 'call';
  /** With its namespaces, joined by `::`. */
  readonly name: string;
  readonly nameSpan: Span;
  readonly arguments: readonly Expression[];
  /** True when the last argument is followed by `...`. */
  readonly expand: boolean;
}

export interface TupleExpression extends Span {
  readonly node: 'tuple';
  readonly items: readonly Expression[];
}

export interface ObjectExpression extends Span {
  readonly node: 'object';
  readonly items: readonly ObjectItem[];
}

/** A bare identifier as a key is its name (`bareKey`), in parentheses it is a variable. */
export interface ObjectItem extends Span {
  readonly key: Expression;
  readonly bareKey: string | null;
  readonly value: Expression;
}

export interface ForExpression extends Span {
  readonly node: 'for';
  readonly form: 'tuple' | 'object';
  readonly keyName: string | null;
  readonly valueName: string;
  readonly collection: Expression;
  /** Only in the object form. */
  readonly key: Expression | null;
  readonly value: Expression;
  readonly condition: Expression | null;
  readonly group: boolean;
}

export interface ConditionalExpression extends Span {
  readonly node: 'conditional';
  readonly condition: Expression;
  readonly then: Expression;
  readonly otherwise: Expression;
}

export interface UnaryExpression extends Span {
  readonly node: 'unary';
  readonly operator: '-' | '!';
  readonly operand: Expression;
}

export type BinaryOperator =
  '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '>' | '<=' | '>=' | '&&' | '||';

export interface BinaryExpression extends Span {
  readonly node: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
}

export interface ParenthesesExpression extends Span {
  readonly node: 'parentheses';
  readonly inner: Expression;
}

/** Stands where an expression could not be parsed; a diagnostic was given, and evaluation yields nothing. */
export interface InvalidExpression extends Span {
  readonly node: 'invalid';
}
