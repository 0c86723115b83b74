// A connection comes, is welcomed, and goes. `hello` tells what the journal holds; the welcome tells what the server
// makes of it; everything that was not acknowledged is then said again.
import { helloRunsMax } from '../../protocol/limits.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import { runKey } from '../journal-records.ts';
import type { RunInHandState, WorkEvent, WorkRun, WorkState } from '../work-state.ts';
import { change, dropRun, emit, forgetRun, note, runOf, send, updateRun } from './draft.ts';
import type { Draft } from './draft.ts';
import { sendAccept } from './offer.ts';

type Welcome = Extract<ServerFrame, { type: 'welcome' }>;

/** The new connection is the current one from its hello on: what an older one still brings is dropped. */
export function onOpened(draft: Draft, connection: number): void {
  dropOffers(draft);
  for (const run of draft.state.runs.values()) {
    if (run.asking) updateRun(draft, run, { asking: false, muted: false });
  }
  change(draft, {
    session: {
      connection,
      welcomed: false,
      granted: 0,
      tombstones: 0,
      advertised: draft.state.advertisement,
    },
  });
  emit(draft, { type: 'detach' });
  emit(draft, { type: 'hello', connection, runs: runsInHand(draft.state) });
}

export function onClosed(draft: Draft, connection: number): void {
  if (draft.state.session?.connection !== connection) return;
  change(draft, { session: null });
  emit(draft, { type: 'detach' });
  dropOffers(draft);
}

/** An offer belongs to its session: the next hello does not name it, and the server gives it to somebody. */
function dropOffers(draft: Draft): void {
  for (const run of draft.state.runs.values()) {
    if (run.phase === 'held' || run.phase === 'verifying') dropRun(draft, run);
  }
}

/** What is going on comes first, so that a crowd of unacknowledged ends cannot push it out of the frame. */
function runsInHand(state: WorkState): readonly RunInHandState[] {
  const alive: RunInHandState[] = [];
  const ended: RunInHandState[] = [];
  for (const run of state.runs.values()) {
    // What is on its way to the journal is named once the server has answered `go` for it: then it has the run as
    // running, and would call one that nobody names interrupted.
    if (run.muted || (run.phase === 'accepting' && !run.confirmed)) continue;
    if (run.phase !== 'ended') alive.push({ key: run.key, state: run.begun ? 'begun' : 'accepted' });
    else ended.push({ key: run.key, state: run.outcome?.result === 'interrupted' ? 'interrupted' : 'ended' });
  }
  return [...alive, ...ended].slice(0, helloRunsMax);
}

export function onWelcome(draft: Draft, welcome: Welcome, showable: ReadonlySet<string> = new Set()): void {
  const { session, everWelcomed } = draft.state;
  if (session === null || session.welcomed) return;
  const known = new Set([...draft.state.knownGroups, ...welcome.known_groups]);
  for (const name of welcome.unknown_groups) known.delete(name);
  change(draft, {
    session: { ...session, welcomed: true },
    everWelcomed: true,
    knownGroups: [...known],
  });
  note(draft, 'info', `Connected as ${welcome.agent.name}, session ${welcome.session}.`);
  if (welcome.unknown_groups.length > 0) {
    const message = unknownGroups(welcome.unknown_groups, draft.state.knownGroups);
    if (!everWelcomed) {
      change(draft, { left: true });
      return emit(draft, { type: 'leave', reason: 'unknown_groups', message });
    }
    note(draft, 'error', message);
  }
  reconcile(draft, welcome, showable);
  recall(draft, welcome);
  if (session.advertised !== draft.state.advertisement) sendDefinitions(draft);
}

/** R12 of hcl.md: says which groups there are. */
function unknownGroups(unknown: readonly string[], known: readonly string[]): string {
  const names = unknown.map((name) => `"${name}"`).join(', ');
  const others =
    known.length === 0 ? 'it may serve none' : `it may serve ${known.map((name) => `"${name}"`).join(', ')}`;
  return `The agent file names ${names}, which the control plane does not know or this agent may not serve; ${others}.`;
}

function reconcile(draft: Draft, welcome: Welcome, showable: ReadonlySet<string>): void {
  const known = new Map(welcome.runs.map((run) => [runKey(run), run]));
  for (const run of draft.state.runs.values()) {
    const server = known.get(run.key);
    if (server?.known === false && showable.has(run.key)) show(draft, run);
    else if (server?.known === false) forgotten(draft, run);
    else if (!run.muted) resume(draft, run, server?.have_seq ?? 0);
  }
}

/** The server has no such attempt: nobody waits for it. What runs goes on, because it cannot be undone. */
function forgotten(draft: Draft, run: WorkRun): void {
  if (run.phase === 'waiting' || run.phase === 'ended') return forgetRun(draft, run, 'unknown');
  note(draft, 'warn', 'The server does not know a run that is going on here.', run.run);
  updateRun(draft, run, { muted: true });
}

/** The server's database went back behind the run (rules.md 12): its own signed word tells it. */
function show(draft: Draft, run: WorkRun): void {
  const { attempt } = updateRun(draft, run, { asking: true, muted: true });
  emit(draft, { type: 'show', runs: [{ run: run.run, attempt }] });
}

function recall(
  draft: Draft,
  { earlier_incarnations: earlier = [], store_incarnation: store }: Welcome,
): void {
  if (earlier.length > 0 && store !== undefined) emit(draft, { type: 'recall', store, earlier });
}

/** The row is there again, as running: what was not acknowledged goes to it, and the end. */
export function onRebuilt(draft: Draft, frame: Extract<ServerFrame, { type: 'rebuilt' }>): void {
  const run = runOf(draft, runKey(frame));
  if (run?.asking !== true) return;
  const known = updateRun(draft, run, { asking: false, muted: false, confirmed: true });
  note(draft, 'info', 'The server had lost a run and has rebuilt it.', run.run);
  resume(draft, known, frame.have_seq);
}

function resume(draft: Draft, run: WorkRun, haveSeq: number): void {
  if (run.phase === 'held' || run.phase === 'verifying') return;
  // Its accept follows when it is written.
  if (run.phase === 'accepting') {
    if (run.confirmed) emit(draft, { type: 'attach', key: run.key, haveSeq });
    return;
  }
  // An end without its acceptance would mean nothing to a server that still holds the run as offered.
  if (run.phase === 'waiting' || (!run.begun && !run.confirmed)) sendAccept(draft, run);
  emit(draft, { type: 'attach', key: run.key, haveSeq });
}

export function sendDefinitions(draft: Draft): void {
  const { advertisement, session } = draft.state;
  if (session?.welcomed !== true) return;
  change(draft, { session: { ...session, advertised: advertisement } });
  send(draft, {
    type: 'definitions',
    groups: [...advertisement.groups],
    definitions: [...advertisement.definitions],
    load_errors: [...advertisement.loadErrors],
  });
}

export function onReject(draft: Draft, frame: Extract<ServerFrame, { type: 'reject' }>): void {
  note(draft, 'warn', `The control plane rejects (${frame.code}): ${frame.message}`);
}

export function isCurrent(
  state: WorkState,
  event: Extract<WorkEvent, { type: 'frame' }>,
): 'current' | 'other' | 'early' {
  if (state.session?.connection !== event.connection) return 'other';
  const opening = event.frame.type === 'welcome' || event.frame.type === 'reject';
  return state.session.welcomed || opening ? 'current' : 'early';
}
