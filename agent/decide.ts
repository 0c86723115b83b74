// The one decider of the agent: state and event in, state and effects out. No clock, no chance, no network in here,
// so that a simulation can drive it through every crash and every order of messages.
import { closeCodes } from '../protocol/frames.ts';
import {
  isCurrent,
  onClosed,
  onOpened,
  onRebuilt,
  onReject,
  onWelcome,
  sendDefinitions,
} from './decide/connection.ts';
import { onProbed } from './decide/disk.ts';
import { leaveWhenDone, onDrain, onFate, onHurry } from './decide/drain.ts';
import { change, draftOf, emit, note, send } from './decide/draft.ts';
import type { Draft } from './decide/draft.ts';
import { onOffer, onRefused, onVerified, takeHeld } from './decide/offer.ts';
import { onAck, onCancel, onExecuted, onGo, onJournaled, onStale, onUnjournaled } from './decide/run.ts';
import { onTick } from './decide/tick.ts';
import { freeSlots } from './work-state.ts';
import type { Decision, WorkEvent, WorkState } from './work-state.ts';

/**
 * Pure: the same state and event give the same decision, and the state that was given is not changed, unless it is
 * `given` away: then its map of runs goes into the next state, because a copy of hundreds of runs for every event
 * would cost more than everything else. Where `more` events of the same moment follow, what comes after every event
 * waits for the last of them.
 */
export function decide(
  state: WorkState,
  event: WorkEvent,
  { given = false, more = false }: { readonly given?: boolean; readonly more?: boolean } = {},
): Decision {
  const draft = draftOf(state, event.at, given);
  react(draft, event);
  if (!draft.state.left && !more) settle(draft);
  return { state: draft.state, effects: draft.effects };
}

function react(draft: Draft, event: WorkEvent): void {
  switch (event.type) {
    case 'opened':
      return onOpened(draft, event.connection);
    case 'frame':
      return onFrame(draft, event);
    case 'closed':
      onClosed(draft, event.connection);
      if (event.fate !== null) onFate(draft, event.fate);
      return;
    case 'verified':
      return onVerified(draft, event);
    case 'refused':
      return onRefused(draft, event);
    case 'journaled':
      return onJournaled(draft, event);
    case 'unjournaled':
      return onUnjournaled(draft, event);
    case 'executed':
      return onExecuted(draft, event);
    case 'tick':
      return onTick(draft);
    case 'probed':
      return onProbed(draft, event.ok);
    case 'drain':
      return onDrain(draft, event.cause);
    case 'hurry':
      return onHurry(draft);
    case 'reloaded':
      return onReloaded(draft, event);
  }
}

function onFrame(draft: Draft, event: Extract<WorkEvent, { type: 'frame' }>): void {
  const { frame } = event;
  switch (isCurrent(draft.state, event)) {
    case 'other':
      return;
    case 'early':
      note(draft, 'error', `The server sent ${frame.type} before its welcome.`);
      return emit(draft, { type: 'close', code: closeCodes.protocol_error, reason: 'protocol_error' });
    case 'current':
      return onCurrentFrame(draft, event);
  }
}

function onCurrentFrame(
  draft: Draft,
  { frame, past, showable }: Extract<WorkEvent, { type: 'frame' }>,
): void {
  switch (frame.type) {
    case 'welcome':
      return onWelcome(draft, frame, showable);
    case 'offer':
      return onOffer(draft, frame, past);
    case 'go':
      return onGo(draft, frame);
    case 'stale':
      return onStale(draft, frame);
    case 'cancel':
      return onCancel(draft, frame, past);
    case 'ack':
      return onAck(draft, frame);
    case 'show':
      return emit(draft, { type: 'show', runs: frame.runs });
    case 'rebuilt':
      return onRebuilt(draft, frame);
    case 'rotate':
      return emit(draft, { type: 'renew' });
    case 'drain':
      return onDrain(draft, 'server');
    case 'reject':
      return onReject(draft, frame);
  }
}

function onReloaded(draft: Draft, event: Extract<WorkEvent, { type: 'reloaded' }>): void {
  const { advertisement, concurrency, shutdownGraceMs } = event;
  change(draft, { advertisement, concurrency, shutdownGraceMs });
  sendDefinitions(draft);
}

/** After the events of a moment: held offers take free slots, the grant follows, and an agent that is done leaves. */
function settle(draft: Draft): void {
  takeHeld(draft);
  leaveWhenDone(draft);
  const { session } = draft.state;
  if (session?.welcomed !== true) return;
  const slots = freeSlots(draft.state);
  if (slots === session.granted) return;
  change(draft, { session: { ...session, granted: slots } });
  send(draft, { type: 'poll', slots });
}
