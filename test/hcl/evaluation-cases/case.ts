// The shape of the conformance table: rows under the section of the specification that each was written from. The
// expected results were written from that text before the evaluator ran on them.

/** An expression, and the JSON of its value or the summary of its diagnostic; then, where it matters, its kind. */
export type Row = readonly [hcl: string, expected: string | Failure, kind?: string];

export interface Failure {
  readonly summary: string;
}

export interface Section {
  /** `native` is hclsyntax/spec.md, `model` is spec.md, `terraform` the documentation of its functions. */
  readonly from: 'native' | 'model' | 'terraform' | 'design';
  readonly section: string;
  readonly rows: readonly Row[];
}

export function fails(summary: string): Failure {
  return { summary };
}
