// Whether we and the reference implementation agree: on what is HCL, on where it is not, and on its layout.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { positionOf } from '../../hcl/diagnostic.ts';
import { format } from '../../hcl/format.ts';
import { parseFile } from '../../hcl/parse.ts';
import { generateFile, mutate, pick, seeded } from './generate.ts';
import { referenceFormat, referenceVerdict } from './oracle.ts';

const SEED = Number(process.env.WAYSIDE_SEED ?? 20_260_114);
const MUTANTS = process.env.WAYSIDE_LONG === undefined ? 5_000 : 50_000;
const TIMEOUT_MILLISECONDS = 900_000;
const GENERATED = process.env.WAYSIDE_LONG === undefined ? 500 : 5_000;

/** Differences of verdict that are right by the specification, each with its reason. */
const explainedVerdicts: readonly {
  readonly reason: string;
  readonly applies: (text: string, summary: string | undefined) => boolean;
}[] = [
  {
    reason:
      'Names of functions in a namespace came into the language after the version that the oracle holds.',
    applies: (text) => text.includes('::'),
  },
  {
    reason:
      'Names are compared in normalization form C, so two spellings of one name are one name set twice.',
    applies: (text) => text !== text.normalize('NFC'),
  },
  {
    reason:
      'A number has digits behind its dot, so `1.e3` is the attribute e3 of 1; the reference reads one token.',
    applies: (text) => /[0-9]\.[eE]/.test(text),
  },
  {
    reason: 'We bound nesting and the length of chains, so that whoever walks a tree can rely on it.',
    applies: (_text, summary) => summary === 'Nesting too deep' || summary === 'Expression too long',
  },
];

/** Errors whose position differs from the reference, each with its reason. */
const explainedPositions: readonly {
  readonly reason: string;
  /** All when absent. */
  readonly summaries?: readonly string[];
  readonly applies?: (text: string) => boolean;
}[] = [
  {
    reason: 'The reference reads a slash and a star, and reports whatever they lead to.',
    summaries: ['Unclosed comment'],
  },
  {
    reason: 'The reference reports the token behind the one that is wrong.',
    summaries: ['Missing close bracket on index', 'Missing close bracket on splat index'],
  },
  {
    reason: 'The reference reports the star instead of what follows the dot behind it.',
    summaries: [
      'Invalid attribute name',
      'Invalid legacy index syntax',
      'Nested splat expression not allowed',
    ],
    applies: (text) => text.includes('*'),
  },
  {
    reason: 'The reference counts the spaces before the end marker of a heredoc to the marker.',
    summaries: ['Unexpected end of template'],
  },
  {
    reason: 'A "$" or "%" as the last character of the text is a wrong character for the reference.',
    summaries: ['Unterminated template string'],
  },
  {
    reason: 'A token that can stand nowhere is reported itself, not what the grammar misses before it.',
    summaries: ['Invalid character', 'Unsupported operator'],
  },
  {
    reason: 'A string that does not end is reported at the end of its line, also behind a backslash.',
    summaries: ['Invalid multi-line string'],
  },
  {
    reason: 'For the reference dots, and an "e" behind one, can belong to a number.',
    summaries: ['Missing newline after argument', 'Missing attribute separator', 'Missing item separator'],
    applies: (text) => /[0-9]\.[.eE]/.test(text),
  },
  {
    reason:
      'A key in the tuple form is reported as such, even if the value behind its arrow has a mistake of its own.',
    summaries: ["Invalid 'for' expression"],
    applies: (text) => text.includes('=>'),
  },
  {
    reason:
      'The reference counts the clusters of each token by itself, so that a mark that begins one has a column.',
    applies: (text) => /\p{Mark}|\u200d/u.test(text),
  },
  {
    reason: 'The oracle does not know `::`.',
    applies: (text) => text.includes('::'),
  },
];

/** Differences of layout that are right, each with its reason. */
const explainedLayouts: readonly { readonly reason: string; readonly applies: (text: string) => boolean }[] =
  [
    {
      reason: 'The oracle does not know `::` and writes it as two colons.',
      applies: (text) => text.includes('::'),
    },
    {
      reason:
        'What a joiner makes one cluster of depends on the version of Unicode, and the columns depend on that.',
      applies: (text) => text.includes('\u200d'),
    },
  ];

const root = join(import.meta.dirname, '../..');

function readAll(folder: string, extension: string): readonly string[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  return names
    .filter((name) => name.endsWith(extension))
    .map((name) => readFileSync(join(root, folder, name), 'utf8'));
}

const corpus = readAll('test/hcl/corpus', '.hcl');
const examples = readAll('examples', '.hcl');
const mistakes = readAll('test/hcl/golden', '.hcl');
/** Texts that an editor or a checkout might repair on the disk. */
const awkward = [
  '\ufeffa = 1\n',
  'a = 1\r\nb {\r\n  c = <<E\r\nx\r\nE\r\n}\r\n',
  '\t\n ',
  'a = "\u0000"\n',
  'a = 1\rb = 2\n',
];

const problems: string[] = [];

/** Adds to `problems` what we and the reference see differently. True when both accept. */
async function compareVerdicts(text: string): Promise<boolean> {
  const reference = await referenceVerdict(text);
  const { source, diagnostics } = parseFile('', text);
  const first = diagnostics[0];
  if (reference.accepts !== (first === undefined)) {
    if (!explainedVerdicts.some(({ applies }) => applies(text, first?.summary))) {
      problems.push(
        `verdict: ${JSON.stringify(text)}\n  reference: ${reference.message}\n  ours: ${first?.summary ?? 'valid'}`,
      );
    }
    return false;
  }
  if (first !== undefined && !isExplainedPosition(text, first.summary)) {
    const { line, column } = positionOf(source, first.span.start);
    if (!reference.positions.includes(`${String(line)}:${String(column)}`)) {
      problems.push(
        `position: ${JSON.stringify(text)}\n  reference: ${reference.message}\n  ours: ${String(line)}:${String(column)} ${first.summary}`,
      );
    }
  }
  return first === undefined;
}

function isExplainedPosition(text: string, summary: string): boolean {
  return explainedPositions.some(
    ({ summaries, applies }) => summaries?.includes(summary) !== false && applies?.(text) !== false,
  );
}

async function compareLayouts(text: string): Promise<void> {
  const ours = format(text);
  const isExplained = explainedLayouts.some(({ applies }) => applies(text));
  if (!isExplained && ours !== (await referenceFormat(text)))
    problems.push(`layout: ${JSON.stringify(text)}`);
  if (format(ours) !== ours) problems.push(`layout changes when formatted again: ${JSON.stringify(text)}`);
}

async function compareAll(
  texts: Iterable<string>,
): Promise<{ readonly accepted: number; readonly rejected: number }> {
  problems.length = 0;
  let accepted = 0;
  let rejected = 0;
  for (const text of texts) {
    // The oracle works such numbers out digit by digit, for minutes.
    if (/[eE][+-]?[0-9]{4}/.test(text)) continue;
    if (await compareVerdicts(text)) {
      accepted++;
      await compareLayouts(text);
    } else rejected++;
  }
  expect(problems.slice(0, 5), `seed ${String(SEED)}, ${String(problems.length)} problems`).toEqual([]);
  return { accepted, rejected };
}

test('corpus, examples and mistakes have the same verdict, first position and layout', async () => {
  const { accepted, rejected } = await compareAll([...corpus, ...examples, ...mistakes, ...awkward]);
  expect(accepted).toBeGreaterThanOrEqual(corpus.length);
  expect(rejected).toBeGreaterThan(0);
});

test(
  'generated files have the same verdict and layout',
  async () => {
    const files = Array.from({ length: GENERATED }, (_, index) => generateFile(seeded(SEED + index)));
    const { accepted } = await compareAll(files);
    expect(accepted).toBeGreaterThan(GENERATED / 2);
  },
  TIMEOUT_MILLISECONDS,
);

test(
  'mutants of all of them have the same verdict, first position and layout',
  async () => {
    const bases = [...corpus, ...examples, ...mistakes].filter(
      (text) => text.length < 1_200 && !/\[{100}|(\+ 1 ){100}/.test(text),
    );
    const mutants = Array.from({ length: MUTANTS }, (_, index) => {
      const random = seeded(SEED + 1_000_003 * (index + 1));
      return mutate(random, random() < 0.2 ? generateFile(random).slice(0, 600) : pick(random, bases));
    });
    const { accepted, rejected } = await compareAll(mutants);
    expect(accepted).toBeGreaterThan(MUTANTS / 20);
    expect(rejected).toBeGreaterThan(MUTANTS / 4);
  },
  TIMEOUT_MILLISECONDS,
);
