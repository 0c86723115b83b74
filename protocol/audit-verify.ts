// Verifies an exported trail without a server: each event by the chain of hashes, the chain by signed heads. The codes
// of single events need the keyring and are not looked at: what no signed head covers yet is held by the chain alone.
import type { JWK } from 'jose';
import { auditChainHash, auditDigest } from './audit-chain.ts';
import type { ChainPlace, Sha256 } from './audit-chain.ts';
import { factsOf, parseExportLine } from './audit-export.ts';
import type { EndLine, TrailLine } from './audit-export.ts';
import type { ExportedEvent } from './exported-event.ts';
import { readHead, verifyHead } from './audit-head.ts';
import type { AuditHead } from './audit-head.ts';

export interface TrailVerdict {
  readonly valid: boolean;
  /** The first thing that is wrong, in a sentence. */
  readonly problem: string | null;
  /** The position of the event that it is wrong with. */
  readonly problem_at: number | null;
  /** The line of the file that shows it. */
  readonly line: number | null;
  readonly events: number;
  /** Behind which the file begins: 0 where it has everything from the first event on. */
  readonly after: number;
  readonly end: ChainPlace | null;
  /** The last position that a signature of a trusted key covers; 0 where none does. */
  readonly signed: number;
  /** Heads of the file that trusted keys signed. */
  readonly heads: number;
  /** Kept heads that the file agrees with. */
  readonly kept: number;
}

export interface TrailVerifier {
  /** One line of the file, without its end. False when there is no need to go on. */
  take(text: string): Promise<boolean>;
  /** Call it once, after the last line. */
  finish(): TrailVerdict;
}

export interface TrailVerifierOptions {
  readonly sha256: Sha256;
  /** Public keys with their `kid`, kept elsewhere. A head by another key is a fault, unless `lenient`. */
  readonly keys: readonly JWK[];
  /** Heads that were kept elsewhere and verified. Whatever lies between two of them was only ever added. */
  readonly kept: readonly AuditHead[];
  /** Heads by other keys are passed over: the kept heads alone are trusted. */
  readonly lenient: boolean;
}

interface State {
  place: ChainPlace | null;
  after: number;
  organization: string;
  line: number;
  events: number;
  signed: number;
  heads: number;
  complete: boolean;
  readonly keptHeld: Set<AuditHead>;
  fault: { readonly problem: string; readonly at: number | null } | null;
}

export function openTrailVerifier(options: TrailVerifierOptions): TrailVerifier {
  const state: State = {
    ...{ place: null, after: 0, organization: '', line: 0, events: 0, signed: 0, heads: 0 },
    ...{ complete: false, keptHeld: new Set<AuditHead>(), fault: null },
  };
  const fail = (problem: string, at: number | null = null) => (state.fault = { problem, at });
  return {
    async take(text) {
      if (state.fault !== null) return false;
      state.line += 1;
      const line = parseExportLine(text);
      if (line === null) {
        const next = state.place === null ? null : state.place.position + 1;
        fail(`line ${state.line} is no line of an export, or it was changed`, next);
      } else if (line.type === 'trail') takeTrail(state, line, fail);
      else if (state.place === null) fail('the file does not begin as an export does');
      else if (line.type === 'event') takeEvent(options, state, line, fail);
      else if (line.type === 'head') await takeHead(options, state, line.jws, fail);
      else takeEnd(state, line, fail);
      if (state.fault === null) holdToKept(options, state, fail);
      return state.fault === null;
    },
    finish: () => finish(options, state, fail),
  };
}

type Fail = (problem: string, at?: number | null) => void;

/** A file may hold several exports, each of which goes on where the one before ended. */
function takeTrail(state: State, line: TrailLine, fail: Fail): void {
  if (state.place === null) {
    state.after = line.after;
    state.organization = line.organization;
    state.place = { position: line.after, hash: line.hash };
  } else if (line.organization !== state.organization) {
    fail('it goes on with the trail of another organization');
  } else if (line.after !== state.place.position || line.hash !== state.place.hash) {
    fail(
      `it goes on behind event ${line.after}, and it had come to event ${state.place.position}`,
      line.after,
    );
  }
  state.complete = false;
}

function takeEvent({ sha256 }: TrailVerifierOptions, state: State, event: ExportedEvent, fail: Fail): void {
  const before = state.place ?? { position: 0, hash: '' };
  const position = before.position + 1;
  const name = `event ${position} (${event.id})`;
  // What follows the one before it by its hash stands where it belongs, whatever it calls itself.
  if (event.position !== position && event.previous_hash === before.hash) {
    return fail(`${name} was edited: it calls itself event ${event.position}`, position);
  }
  if (event.position !== position) {
    fail(
      event.position > position
        ? `event ${position} is missing, or stands elsewhere`
        : `event ${event.position} is there twice, or was inserted`,
      Math.min(position, event.position),
    );
    return;
  }
  if (event.organization !== state.organization) return fail(`${name} is of another organization`, position);
  if (event.previous_hash !== before.hash) {
    return fail(`${name} does not follow the one before it`, position);
  }
  const digest = auditDigest(sha256, factsOf(event));
  const hash = auditChainHash(sha256, { position, previous: before.hash, digest, mac: event.mac });
  if (hash !== event.hash) return fail(`${name} was edited: it has another hash than its content`, position);
  state.place = { position, hash };
  state.events += 1;
}

async function takeHead(
  { keys, lenient }: TrailVerifierOptions,
  state: State,
  jws: string,
  fail: Fail,
): Promise<void> {
  const { position, hash } = state.place ?? { position: 0, hash: '' };
  const head = await verifyHead(jws, keys);
  if (head === null) {
    if (lenient && readHead(jws) !== null) return;
    fail('a signed head is not signed by any of the keys, or it was changed', position);
  } else if (head.organization !== state.organization) {
    fail('a signed head is of another organization', position);
  } else if (head.position > position) {
    fail(`event ${position + 1} is missing: a signed head names event ${head.position}`, position + 1);
  } else if (head.position < position) {
    fail(`the signed head of event ${head.position} stands behind event ${position}`, head.position);
  } else if (head.hash !== hash) {
    fail(`event ${position} is not the one that was signed: the trail was written anew`, position);
  } else {
    state.signed = position;
    state.heads += 1;
  }
}

function takeEnd(state: State, line: EndLine, fail: Fail): void {
  if (line.position !== state.place?.position || line.hash !== state.place.hash) {
    fail(
      `it should end with event ${line.position}, and it ends with ${state.place?.position ?? 0}`,
      line.position,
    );
  }
  state.complete = true;
}

/** Each kept head when its position has come. */
function holdToKept({ kept }: TrailVerifierOptions, state: State, fail: Fail): void {
  const { place } = state;
  if (place === null) return;
  for (const head of kept) {
    if (head.position !== place.position || state.keptHeld.has(head)) continue;
    if (head.organization !== state.organization) return fail('a kept head is of another organization');
    if (head.hash !== place.hash)
      return fail(`event ${place.position} is not the one of the kept head`, place.position);
    state.keptHeld.add(head);
    state.signed = Math.max(state.signed, place.position);
  }
}

function finish({ kept }: TrailVerifierOptions, state: State, fail: Fail): TrailVerdict {
  const last = state.place?.position ?? 0;
  const missed = kept.find((head) => !state.keptHeld.has(head));
  if (state.fault === null && state.place === null) fail('the file is empty');
  if (state.fault === null && missed !== undefined && missed.position > last) {
    fail(`it was cut off: a kept head names event ${missed.position}, and it ends with ${last}`, last + 1);
  }
  if (state.fault === null && missed !== undefined) {
    fail(`a kept head names event ${missed.position}, and the file begins behind event ${state.after}`);
  }
  if (state.fault === null && !state.complete) {
    fail(`it was cut off behind event ${last}: the line that says where it ends is missing`, last + 1);
  }
  const { fault } = state;
  return {
    valid: fault === null,
    problem: fault?.problem ?? null,
    problem_at: fault?.at ?? null,
    line: fault === null ? null : state.line,
    events: state.events,
    after: state.after,
    end: state.place,
    signed: state.signed,
    heads: state.heads,
    kept: state.keptHeld.size,
  };
}
