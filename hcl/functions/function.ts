// What a function of the language is (hashicorp/hcl, spec.md "Functions and Function Calls"): its parameters, its
// documentation for pages, hovers and completions, and what it computes.
import type { Diagnostic } from '../diagnostic.ts';
import type { Type, Value } from '../values.ts';

export interface HclFunction {
  readonly name: string;
  readonly description: string;
  /** In order; only the last may be variadic, and only after the required ones may be optional ones. */
  readonly parameters: readonly Parameter[];
  readonly returns: Type;
  /** Calls with their results as HCL, for the documentation; the tests evaluate them. */
  readonly examples: readonly Example[];
  /**
   * How marks pass through. `all`: the result has every mark of the arguments, inner ones too. `outer`: the result is
   * made of the arguments' own elements, which keep their marks; it gets only the marks of the arguments themselves.
   * `own`: the function sets the marks of its result itself.
   */
  readonly marks: 'all' | 'outer' | 'own';
  /** True when it reads something outside of the language: it is then called only where its result counts. */
  readonly reads?: true;
  /** True when the arguments are not evaluated before: the function finds them in `context.attempts`. */
  readonly lazy?: true;
  /**
   * Computes the result. The arguments are of the parameters' types and number, and not null where the parameter does
   * not take null. Throws a FunctionProblem, and nothing else, when they are still wrong.
   */
  call(args: readonly Value[], context: CallContext): Value;
}

export interface Parameter {
  readonly name: string;
  readonly type: Type;
  readonly description: string;
  /** Takes all remaining arguments, also none. */
  readonly variadic?: true;
  readonly optional?: true;
  readonly nullable?: true;
  /** Takes values of this shape as they are, of whatever element types; then `type` is not converted to. */
  readonly shape?: 'sequence' | 'mapping';
}

export interface Example {
  readonly call: string;
  readonly result: string;
}

export interface CallContext {
  /** Pays for elements that the call is about to make; beyond the limits it does not return. */
  readonly charge: (steps: number) => void;
  /** Pays for text that the call is about to make, in UTF-16 code units; beyond the limits it does not return. */
  readonly chargeText: (length: number) => void;
  /** Of a lazy function: each argument, evaluated when called. */
  readonly attempts: readonly (() => Attempt)[];
}

/** What evaluating one lazy argument gave: a value, or the diagnostics that stood in its way. */
export interface Attempt {
  readonly value: Value | undefined;
  readonly diagnostics: readonly Diagnostic[];
  /** The marks of everything that the evaluation looked at: whether it succeeded depends on that. */
  readonly marks: number;
}

export interface ProblemOptions {
  /** The index of the argument that is wrong. */
  readonly argument?: number;
  /** What of the arguments a person should see; shown only when none of them is sensitive. */
  readonly shown?: string;
}

/** Why a call cannot give a result. The reason is a clause without any part of an argument's value. */
export class FunctionProblem extends Error {
  readonly argument: number | undefined;
  readonly shown: string | undefined;

  constructor(reason: string, { argument, shown }: ProblemOptions = {}) {
    super(reason);
    this.argument = argument;
    this.shown = shown;
  }
}
