// What a hello means for the runs that it names, and for those that it does not name: the table "Who knows what" of
// dispatch.md. Pure.
import type { RunInHand, ServerFrame } from '../../protocol/frames.ts';
import { cancelGraceMsDefault } from '../../protocol/limits.ts';
import { isFinal } from '../../protocol/states.ts';
import type { RunFacts } from './contract.ts';
import { isInDoubt, standingOf } from './fence.ts';

export type WelcomeRun = Extract<ServerFrame, { type: 'welcome' }>['runs'][number];

export type HelloAction =
  /** The offer never reached its journal: another attempt. */
  | { readonly kind: 'lapse'; readonly run: RunFacts }
  /** It has begun or ended what the row still calls offered: the row is behind, as after a rollback (rules.md 12). */
  | { readonly kind: 'catch_up'; readonly run: RunFacts }
  /** It knows nothing of a run that was given to it: nobody can know how far it came (rules.md 3). */
  | { readonly kind: 'interrupt'; readonly run: RunFacts }
  /**
   * The run is in its hands, in this session. Reports up to `lostUpTo` were lost with the data, and the agent has them
   * no more either: the next one continues behind them.
   */
  | { readonly kind: 'adopt'; readonly run: RunFacts; readonly lostUpTo: number | null };

export interface HelloDecision {
  readonly welcome: readonly WelcomeRun[];
  readonly actions: readonly HelloAction[];
  /** To be sent after the welcome, once the actions are durable. */
  readonly frames: readonly ServerFrame[];
}

export interface HelloFacts {
  readonly agent: string;
  /** The incarnation of the store. */
  readonly store: string;
  readonly named: readonly RunInHand[];
  /** Rows of the runs that it names, and of all that are offered to it or running at it. */
  readonly rows: ReadonlyMap<string, RunFacts>;
}

export function decideHello(hello: HelloFacts): HelloDecision {
  const named = hello.named.map((inHand) => decideNamed(hello, inHand));
  // An attempt that is over for this agent may be named beside the one that counts.
  const mine = new Set(named.flatMap(({ run }) => (run === null ? [] : [run.id])));
  const unnamed = [...hello.rows.values()].filter(
    (run) => run.agent === hello.agent && !isFinal(run.state) && !mine.has(run.id),
  );
  return {
    welcome: named.map(({ welcome }) => welcome),
    actions: [...named.flatMap(({ actions }) => actions), ...unnamed.map(decideUnnamed)],
    frames: named.flatMap(({ frames }) => frames),
  };
}

interface Named {
  readonly welcome: WelcomeRun;
  /** The row, where it is this agent's in this attempt. */
  readonly run: RunFacts | null;
  readonly actions: readonly HelloAction[];
  readonly frames: readonly ServerFrame[];
}

function decideNamed(hello: HelloFacts, inHand: RunInHand): Named {
  const { run: id, attempt } = inHand;
  const standing = standingOf(hello.rows.get(id), hello.agent, attempt);
  // Called unknown, it is shown with its intent where it can be, and forgotten (rebuild-decide.ts).
  const isDoubted =
    standing.kind === 'mine' && inHand.state === 'accepted' && isInDoubt(standing.run, hello.store);
  if (standing.kind !== 'mine' || isDoubted) {
    return { welcome: { run: id, attempt, have_seq: 0, known: false }, run: null, actions: [], frames: [] };
  }
  const { run } = standing;
  const lost = lostUpTo(hello, run, inHand);
  return {
    welcome: { run: id, attempt, have_seq: lost ?? run.last_wire_seq, known: true },
    run,
    actions: actionsFor(run, inHand, lost),
    frames: mustStop(run, inHand) ? [cancelFrame(run)] : [],
  };
}

/** Up to where reports are lost with the data that a restore replaced; null where none is. */
function lostUpTo({ store }: HelloFacts, run: RunFacts, inHand: RunInHand): number | null {
  if (run.store_incarnation === store || (run.state !== 'running' && run.state !== 'indeterminate'))
    return null;
  const { acked_seq: acked = 0 } = inHand;
  return acked > run.last_wire_seq ? acked : null;
}

function actionsFor(run: RunFacts, inHand: RunInHand, lost: number | null): readonly HelloAction[] {
  if (run.state === 'offered') return inHand.state === 'accepted' ? [] : [{ kind: 'catch_up', run }];
  if (run.state !== 'running' && run.state !== 'indeterminate') return [];
  return [{ kind: 'adopt', run, lostUpTo: lost }];
}

/** Every hello repeats a cancel that is pending (rules.md 10); what has ended here must not go on there. */
function mustStop(run: RunFacts, inHand: RunInHand): boolean {
  if (inHand.state === 'ended' || inHand.state === 'interrupted') return false;
  if (run.state === 'running') return run.cancel_requested_at !== null;
  return isFinal(run.state) && (inHand.state === 'accepted' || run.state !== 'indeterminate');
}

function cancelFrame(run: RunFacts): ServerFrame {
  const { id, attempt } = run;
  return { type: 'cancel', run: id, attempt, reason: 'requested', grace_ms: cancelGraceMsDefault };
}

function decideUnnamed(run: RunFacts): HelloAction {
  return { kind: run.state === 'offered' ? 'lapse' : 'interrupt', run };
}
