// Exact decimal numbers: `coefficient` times ten to the `exponent`.

/** Normalized: the coefficient is not divisible by ten, and zero has the exponent 0. */
export interface Decimal {
  readonly coefficient: bigint;
  readonly exponent: number;
}
