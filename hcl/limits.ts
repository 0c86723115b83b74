// Every bound of the language, the unit last. A text or a value that meets one gets a diagnostic, never an exception.

/** How deeply brackets, blocks, templates and operators may enclose each other in a text. */
export const nestingDepthMax = 200;

/**
 * How many expressions may lie on the way from a tree's root to a leaf. Chains such as `1 + 1 + …` or `a.b.c…` grow a
 * tree without nesting, and whoever walks it relies on this bound. A tree in which the parser met it, with a diagnostic,
 * may be higher by `nestingDepthMax`.
 */
export const expressionHeightMax = 500;

/** After this many errors the rest of a file is left unread: it is probably not HCL. */
export const diagnosticsMax = 100;

/** Digits of a number's exponent, the sign not counted. */
export const exponentDigitsMax = 6;

/** UTF-16 code units of a line's beginning in which grapheme clusters are counted for the column of a diagnostic. */
export const segmentedLengthMax = 10_000;

/** Columns of a source line that are shown with a diagnostic. */
export const shownColumnsMax = 160;

/** UTF-16 code units of a formatted text. One that would become longer stays as it is. */
export const formattedLengthMax = 33_554_432;

/** Steps of one evaluation: a node visited, an element made or looked at, or `textPerStep` of text handled. */
export const evaluationStepsMax = 1_000_000;

/** UTF-16 code units of text that one step of an evaluation pays for. */
export const textPerStep = 64;

/** How many expressions may be under evaluation inside each other; a tree made by the parser stays below. */
export const evaluationDepthMax = 512;

/** UTF-16 code units of text that one evaluation may make, intermediate results included. */
export const evaluationTextMax = 16_777_216;

/** Size of one value: itself, every value inside it, and its text by `textPerStep`. */
export const valueSizeMax = 1_000_000;

/** How deeply values may enclose each other in a JSON or YAML text. */
export const valueDepthMax = 200;

/** Digits of a number written in full, before and after the point together. */
export const numberDigitsMax = 5_000;

/** Significant digits that a division keeps (512 bits of mantissa). */
export const quotientDigits = 154;

/** Numbers that `range` may make. */
export const rangeItemsMax = 1_024;

/** Width and precision of a verb in `format`. */
export const formatWidthMax = 10_000;

/** UTF-16 code units of a regular expression. */
export const patternLengthMax = 4_096;

/** UTF-16 code units of a text for `yamldecode`. */
export const yamlTextMax = 262_144;

/** Steps that each UTF-16 code unit of a regular expression costs when it is compiled. */
export const patternStepsPerUnit = 4;

/** What a search costs: code units of text times instructions of the pattern, one step for so many. */
export const searchWorkPerStep = 200;

/** Compiled regular expressions that are kept for the next use. */
export const patternsKeptMax = 64;
