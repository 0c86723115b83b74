// From the notes of the probes to the steps of a press: what happened between the request and the first byte, in the
// order in which it must happen, and how long each step took.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { percentile, rounded } from './figures.ts';

interface Note {
  readonly at: number;
  readonly label: string;
  readonly detail: string;
}

/** One sample on the clock of the machine. */
export interface Sample {
  readonly left: number;
  readonly firstByte: number;
}

const begunStep = 'commit 3: begun';

/** Each step ends with the first note of its kind after the one before. */
const path: readonly (readonly [step: string, label: string, detail?: string])[] = [
  ['client to server', 'http'],
  ['authenticate, authorize, read, decide', 'unit'],
  ['to the writer, statements', 'commit'],
  ['commit 1: the run, offered', 'committed'],
  ['back from the writer', 'answer'],
  ['offer: signed meanwhile, sent', 'send', 'offer'],
  ['to the agent', 'receive', 'offer'],
  ['verify', 'write', 'accepted'],
  ['accepted: written', 'send', 'accept'],
  ['to the server', 'receive', 'accept'],
  ['parse, decide', 'unit'],
  ['to the writer, statements again', 'commit'],
  ['commit 2: running', 'committed'],
  ['back from the writer again', 'answer'],
  ['go: sent', 'send', 'go'],
  ['to the agent again', 'receive', 'go'],
  ['decide', 'write', 'begun'],
  [begunStep, 'flushed', 'begun'],
  ['plan, prepare', 'spawn'],
  ['spawn', 'spawned'],
];

export interface Traced {
  /** When each sample's `begun` was on the disk; undefined where no note tells. It does not depend on the steps. */
  readonly begun: readonly (number | undefined)[];
  /** Median ms of each step, in their order. */
  readonly steps: Readonly<Record<string, number>>;
}

/** Reads what the probes left in the folder. */
export function readTraces(folder: string, samples: readonly Sample[]): Traced {
  const notes = readdirSync(folder)
    .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n').filter(Boolean))
    .map((line): Note => {
      const [at, label = '', detail = ''] = line.split('\t');
      return { at: Number(at), label, detail };
    })
    .sort((a, b) => a.at - b.at);
  const durations = new Map<string, number[]>();
  const begun = samples.map((sample) => {
    const from = lowerBound(notes, sample.left);
    const durable = durableBegin(notes, from, sample);
    const marks = marksOf(notes, from, sample);
    if (marks === null) return durable?.at;
    marks.reduce((before, { step, at }) => {
      durations.set(step, [...(durations.get(step) ?? []), at - before]);
      return at;
    }, sample.left);
    const last = marks.at(-1)?.at ?? sample.left;
    durations.set('first byte', [...(durations.get('first byte') ?? []), sample.firstByte - last]);
    return durable?.at;
  });
  const steps = [...durations].map(([step, ms]) => [step, rounded(percentile(ms, 0.5), 3)] as const);
  return { begun, steps: Object.fromEntries(steps) };
}

/** One run is under way at a time, so the next `begun` that is flushed is this one's. */
function durableBegin(notes: readonly Note[], from: number, { firstByte }: Sample): Note | undefined {
  for (let index = from; index < notes.length; index += 1) {
    const note = notes[index];
    if (note === undefined || note.at > firstByte + slackMs) return undefined;
    if (note.label === 'flushed' && note.detail === 'begun') return note;
  }
  return undefined;
}

function marksOf(
  notes: readonly Note[],
  from: number,
  sample: Sample,
): readonly { readonly step: string; readonly at: number }[] | null {
  let index = from;
  const marks: { step: string; at: number }[] = [];
  for (const [step, label, detail] of path) {
    let note = notes[index];
    while (note !== undefined && !(note.label === label && (detail ?? note.detail) === note.detail)) {
      index += 1;
      note = notes[index];
    }
    if (note === undefined || note.at > sample.firstByte + slackMs) {
      // An operation without a program ends with what it has begun.
      return marks.at(-1)?.step === begunStep ? marks : null;
    }
    marks.push({ step, at: note.at });
    index += 1;
  }
  return marks;
}

/** The program may write its byte before `spawn` has returned to the agent. */
const slackMs = 5;

function lowerBound(notes: readonly Note[], at: number): number {
  let low = 0;
  let high = notes.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((notes[middle]?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  return low;
}
