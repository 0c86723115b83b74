// What the parser says about mistakes, all in one place so that it can be read as a whole. A summary is one line; a
// detail says how to mend it. Where what stands there instead helps, the detail is made from its description.
import { suggest } from './did-you-mean.ts';
import { expressionHeightMax, nestingDepthMax } from './limits.ts';

export interface Complaint {
  readonly summary: string;
  readonly detail: string | ((found: string) => string);
}

const missing = (what: string) => (found: string) => `${what} is expected here, but there is ${found}.`;

export const complaints = {
  // Bodies
  missingItem: {
    summary: 'Argument or block definition required',
    detail: missing('An argument (name = value) or a block (type { … })'),
  },
  unclosedBlock: (type: string) => ({
    summary: 'Unclosed block',
    detail: `The block "${type}" has no closing brace: the text ends before one comes. Add "}" on a line of its own.`,
  }),
  nameAlone: (name: string) => ({
    summary: 'Argument or block definition required',
    detail: `A name alone says nothing. Write ${name} = value to set an argument, or ${name} { … } to begin a block.`,
  }),
  doubleEquals: (name: string) => ({
    summary: 'Argument or block definition required',
    detail: `An argument is set by one equals sign: ${name} = value. Two of them compare values, inside of an expression.`,
  }),
  unexpectedAfterName: {
    summary: 'Argument or block definition required',
    detail: (found) =>
      `Behind this name an equals sign and a value, or the labels and the opening brace of a block are expected, but there is ${found}.`,
  },
  colonAfterName: (name: string) => ({
    summary: 'Argument or block definition required',
    detail: `An argument is set by an equals sign: ${name} = value. A colon is only possible inside of an object value.`,
  }),
  dottedName: (name: string) => ({
    summary: 'Argument or block definition required',
    detail: `The name of an argument or block is one word: "${name}" cannot be followed by a dot or a bracket here. To set something inside of it, write it as a block or as an object value.`,
  }),
  quotedName: {
    summary: 'Invalid argument name',
    detail: 'The name of an argument or block is written without quotes.',
  },
  missingNewlineAfterArgument: {
    summary: 'Missing newline after argument',
    detail: (found) =>
      `The value is complete, and ${found} follows it on the same line. Each argument ends with its line.`,
  },
  wordAsOperator: (word: string, operator: string) => ({
    summary: 'Missing newline after argument',
    detail: `There is no operator "${word}". Write "${operator}".`,
  }),
  extraBracket: {
    summary: 'Missing newline after argument',
    detail: (found) => `All brackets of this value are already closed. Remove ${found}.`,
  },
  braceBehindArgument: {
    summary: 'Missing newline after argument',
    detail: 'The closing brace of a block of several lines stands on a line of its own.',
  },
  numberWithUnit: (text: string) => ({
    summary: 'Missing newline after argument',
    detail: `A number is written in decimal digits, without a unit or other signs. If a string is meant, write it in double quotes: "${text}".`,
  }),
  commaAfterArgument: {
    summary: 'Unexpected comma after argument',
    detail:
      'Arguments are separated by newlines, not by commas. Remove the comma, and write each argument on a line of its own.',
  },
  missingNewlineAfterBlock: {
    summary: 'Missing newline after block definition',
    detail: (found) =>
      `The block is complete, and ${found} follows it on the same line. What comes after a block begins on a line of its own.`,
  },
  extraCloseBrace: {
    summary: 'Argument or block definition required',
    detail:
      'This closing brace has no opening one. Remove it, or look for a block that was closed too early.',
  },
  attributeRedefined: (name: string, line: number) => ({
    summary: 'Attribute redefined',
    detail: `The argument "${name}" was already set on line ${String(line)}. An argument is set once in its body: remove one of the two.`,
  }),
  equalsInBlockHeader: {
    summary: 'Invalid block definition',
    detail:
      'A name in front of the equals sign must stand alone to set an argument; a block has no equals sign before its brace. Remove the one or the other.',
  },
  newlineInBlockHeader: {
    summary: 'Invalid block definition',
    detail: 'The opening brace of a block stands on the same line as its type and labels.',
  },
  invalidBlockHeader: {
    summary: 'Invalid block definition',
    detail: (found) =>
      `A label or the opening brace of the block is expected here, but there is ${found}. A label that is more than a name is written in double quotes.`,
  },
  templateInLabel: {
    summary: 'Invalid string literal',
    detail:
      'A label is plain text, in which nothing is evaluated. Write "$${" or "%%{" to have "${" or "%{" in it.',
  },
  unclosedLabel: {
    summary: 'Unterminated string literal',
    detail: 'The text ends before a closing quote comes.',
  },
  oneLineBlockGoesOn: {
    summary: 'Invalid single-argument block definition',
    detail:
      'A block with an argument on its first line also ends on that line. Write "}" behind the argument, or begin a new line behind the opening brace.',
  },
  oneLineBlockHasMore: {
    summary: 'Invalid single-argument block definition',
    detail:
      'A block on one line holds a single argument. Write each argument on a line of its own, and the braces on other lines.',
  },
  oneLineBlockWithoutArgument: (name: string) => ({
    summary: 'Argument definition required',
    detail: `A block on one line holds a single argument and no blocks. Write ${name} = value if "${name}" is an argument; if it is a block, give it a line of its own.`,
  }),

  // Expressions
  invalidExpression: {
    summary: 'Invalid expression',
    detail: missing('The beginning of an expression'),
  },
  brokenExpression: {
    summary: 'Invalid expression',
    detail:
      'The line ends where the beginning of an expression is expected. An expression that takes several lines stands in parentheses.',
  },
  numberWithSign: {
    summary: 'Invalid expression',
    detail: 'A number begins with a digit, as in 0.5 and 5. Only a minus may stand before it.',
  },
  invalidHeredoc: {
    summary: 'Invalid expression',
    detail:
      'A heredoc begins with "<<" or "<<-" and a name without quotes, and nothing follows the name on its line.',
  },
  extraExpressionText: {
    summary: 'Extra characters after expression',
    detail: (found) => `The expression is complete, and ${found} follows it.`,
  },
  invalidNumber: {
    summary: 'Invalid number literal',
    detail:
      'A number has digits, at most one decimal point, and at most one exponent of a few digits, as in 1, 1.5 and 1.5e10. A version such as 1.2.3 is a string: write it in double quotes.',
  },
  missingFalseExpression: {
    summary: 'Missing false expression in conditional',
    detail: (found) =>
      `The form is condition ? one : other. A colon and the other value are expected here, but there is ${found}.`,
  },
  unclosedParenthesis: {
    summary: 'Unbalanced parentheses',
    detail: 'The text ends before the closing parenthesis comes.',
  },
  unclosedCall: {
    summary: 'Unbalanced parentheses',
    detail: 'The text ends before the closing parenthesis of the function call comes.',
  },
  missingCloseParenthesis: {
    summary: 'Unbalanced parentheses',
    detail: missing('A closing parenthesis'),
  },
  missingOpenParenthesis: {
    summary: 'Missing open parenthesis',
    detail: missing('The name of a function in a namespace is called at once: an opening parenthesis'),
  },
  missingFunctionName: {
    summary: 'Missing function name',
    detail: missing('The name of a function'),
  },
  missingArgumentSeparator: {
    summary: 'Missing argument separator',
    detail: missing('A comma before the next argument, or the closing parenthesis,'),
  },
  argumentAfterExpansion: {
    summary: 'Missing closing parenthesis',
    detail:
      'An argument that is expanded by "..." is the last one: the closing parenthesis must follow, without a comma.',
  },
  missingAttributeName: {
    summary: 'Invalid attribute name',
    detail: (found) =>
      `The name of an attribute is expected behind the dot, but there is ${found}. For other keys use brackets: value["key"].`,
  },
  chainedLegacyIndex: {
    summary: 'Invalid legacy index syntax',
    detail: 'Two indexes in a row cannot be written by dots. Use brackets: value[0][1].',
  },
  nestedSplat: {
    summary: 'Nested splat expression not allowed',
    detail: 'Behind ".*" a second star is not possible. Use the full form of the splat: value[*].name[*].',
  },
  missingIndexBracket: {
    summary: 'Missing close bracket on index',
    detail: missing('The closing bracket of the index'),
  },
  missingSplatBracket: {
    summary: 'Missing close bracket on splat index',
    detail: missing('The closing bracket of the splat "[*]"'),
  },

  // Collections
  unclosedTuple: {
    summary: 'Unclosed list',
    detail: 'The text ends before the closing bracket of this list comes.',
  },
  unclosedObject: {
    summary: 'Unclosed object',
    detail: 'The text ends before the closing brace of this object comes.',
  },
  missingItemSeparator: {
    summary: 'Missing item separator',
    detail: missing('A comma before the next item, or the closing bracket,'),
  },
  missingAttributeSeparator: {
    summary: 'Missing attribute separator',
    detail: missing('A comma or a newline before the next attribute, or the closing brace,'),
  },
  missingAttributeValue: {
    summary: 'Missing attribute value',
    detail: (found) =>
      `An attribute of an object is written name = value, but behind its name there is ${found}.`,
  },
  missingKeySeparator: {
    summary: 'Missing key/value separator',
    detail: (found) =>
      `An equals sign is expected behind the name of an attribute, but there is ${found}. A name with spaces, dots or other signs is written in double quotes, a computed one in parentheses.`,
  },
  missingLoopName: {
    summary: "Invalid 'for' expression",
    detail: missing('The name of a variable behind "for", as in "for item in list",'),
  },
  missingLoopValueName: {
    summary: "Invalid 'for' expression",
    detail: missing('The name of the variable for the value, as in "for key, value in map",'),
  },
  missingIn: {
    summary: "Invalid 'for' expression",
    detail: missing('The word "in" and a collection, as in "for item in list",'),
  },
  missingForColon: {
    summary: "Invalid 'for' expression",
    detail: missing('A colon behind the collection, as in "for item in list : item",'),
  },
  missingForKey: {
    summary: "Invalid 'for' expression",
    detail:
      'In braces every element needs a key and a value: {for item in list : key => value}. To make a list use brackets.',
  },
  keyInTupleFor: {
    summary: "Invalid 'for' expression",
    detail:
      'In brackets the elements have no keys. Use braces to make an object: {for item in list : key => value}.',
  },
  groupingInTupleFor: {
    summary: "Invalid 'for' expression",
    detail:
      'The "..." groups values by their key, so it needs the form in braces: {for item in list : key => value...}.',
  },
  afterFor: {
    summary: "Invalid 'for' expression",
    detail: missing('The end of the for expression'),
  },

  // Templates
  unclosedQuoted: {
    summary: 'Unterminated template string',
    detail: 'The text ends before the closing quote of this string comes.',
  },
  unclosedHeredoc: (marker: string) => ({
    summary: 'Unterminated template string',
    detail: `The text ends before the heredoc does. Write ${marker} alone on a line, and end that line by a newline.`,
  }),
  unclosedSequence: {
    summary: 'Extra characters after interpolation expression',
    detail: (found) =>
      `The "}" that ends the sequence is expected here, but there is ${found}. If "\${" or "%{" is meant as text, for instance for a shell, double its first character: "$\${" or "%%{".`,
  },
  missingDirective: {
    summary: 'Invalid template directive',
    detail:
      'Behind "%{" comes one of the words if, else, endif, for, endfor. If "%{" is meant as text, write "%%{".',
  },
  unknownDirective: (word: string) => ({
    summary: 'Invalid template control keyword',
    detail: `There is no directive "${word}".${didYouMean(word, ['if', 'else', 'endif', 'for', 'endfor'])} If "%{" is meant as text, write "%%{".`,
  }),
  unexpectedElse: {
    summary: 'Unexpected else directive',
    detail:
      'This "else" belongs to no "if", or to one that already has an "else". For more than two cases put an "if" inside of the "else".',
  },
  unexpectedEnd: (word: 'endif' | 'endfor', open: 'if' | 'for' | null) => ({
    summary: `Unexpected ${word} directive`,
    detail:
      open === null
        ? `There is no "${word.slice(3)}" for this "${word}" to end.`
        : `The directive that was opened last is ${open === 'if' ? 'an "if"' : 'a "for"'}. End it first, by "%{ end${open} }".`,
  }),
  unclosedDirective: (word: 'if' | 'for', line: number) => ({
    summary: 'Unexpected end of template',
    detail: `The "${word}" directive on line ${String(line)} has no end. Write "%{ end${word} }" behind what belongs to it.`,
  }),
  unknownEscape: (escape: string) => ({
    summary: 'Invalid escape sequence',
    detail: `There is no escape "${escape}". The escapes are \\n, \\r, \\t, \\", \\\\, \\uNNNN and \\UNNNNNNNN. For a backslash itself write "\\\\".`,
  }),
  shortUnicodeEscape: (selector: string, digits: number) => ({
    summary: 'Invalid escape sequence',
    detail: `Behind \\${selector} come exactly ${String(digits)} hexadecimal digits.`,
  }),
  noSuchCharacter: (digits: string) => ({
    summary: 'Invalid escape sequence',
    detail: `There is no character U+${digits.toUpperCase()}. One beyond U+FFFF is written \\U and eight digits, not as a pair of \\u.`,
  }),

  // Bounds
  nestingTooDeep: {
    summary: 'Nesting too deep',
    detail: `At most ${String(nestingDepthMax)} blocks, brackets and operators may enclose each other.`,
  },
  expressionTooTall: {
    summary: 'Expression too long',
    detail: `At most ${String(expressionHeightMax)} operators or accesses may build on each other. Split the expression up.`,
  },
  tooManyErrors: {
    summary: 'Too many errors',
    detail: 'The rest of the text was not read. Is it HCL at all?',
  },
  invalidEncoding: {
    summary: 'Invalid character encoding',
    detail: 'The text is not valid Unicode here. Save the file as UTF-8.',
  },
} as const satisfies Record<string, Complaint | ((...words: never[]) => Complaint)>;

/** A sentence for the end of a detail, with a space before it, or nothing. */
function didYouMean(word: string, candidates: readonly string[]): string {
  const candidate = suggest(word, candidates);
  return candidate === null ? '' : ` Did you mean "${candidate}"?`;
}
