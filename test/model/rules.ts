// The rules of safety 1 to 17 as switches of the model: each clause that has a bearing on what the model can do is one,
// and can be taken away.

export const clauses = {
  session: { rule: 1, text: "a write that a frame causes holds only in the agent's current session" },
  'offer-after-hello': { rule: 2, text: 'no offer before the hello of that session is reconciled' },
  'one-process': { rule: 3, text: 'a lock on the state folder keeps a second process out' },
  'unknown-is-indeterminate': {
    rule: 3,
    text: 'what is running and unknown to its agent is indeterminate, never queued',
  },
  'send-after-commit': { rule: 4, text: 'a frame leaves only after the commit that it tells of' },
  'read-again': {
    rule: 4,
    text: 'after a commit whose outcome is unknown the row is read again before an answer',
  },
  'own-attempt': { rule: 5, text: 'a frame counts only for its own agent and attempt' },
  'wait-for-go': { rule: 6, text: 'nothing starts on an offer' },
  'never-by-itself': { rule: 6, text: 'an agent never runs again by itself what had begun' },
  'idempotent-only': { rule: 6, text: 'a new attempt after an interruption only of an idempotent action' },
  'no-later-run': { rule: 6, text: 'a new attempt only where no later run of the action has started' },
  'boot-time': { rule: 7, text: 'the age of a go and the deadline count suspension' },
  'live-session-first': {
    rule: 7,
    text: 'what a live session has in hand is told to stop, and not given up',
  },
  'slot-kept': { rule: 8, text: 'an indeterminate run keeps its slot until evidence or a person frees it' },
  expiry: { rule: 9, text: 'what nobody takes expires' },
  'transient-requeues': { rule: 9, text: 'a refusal that is about one agent gives the run to another' },
  'cancel-asks': { rule: 10, text: 'only what is queued or offered is canceled at once' },
  'silent-is-indeterminate': {
    rule: 10,
    text: 'a canceled run that is never heard of again is indeterminate',
  },
  'revoked-is-mute': { rule: 11, text: 'evidence from a revoked agent settles nothing' },
  'new-incarnation': { rule: 12, text: 'a restored store is another one, and its rows are not believed' },
  'flushed-begin': { rule: 13, text: 'begun is on the disk before the first operation' },
  'complete-end': { rule: 14, text: 'an end is acknowledged only when all output before it is stored' },
  'kill-orphans': { rule: 15, text: 'what a dead process left running is killed before anybody hears of it' },
  tombstones: { rule: 16, text: 'a pruned run leaves a tombstone' },
  'authority-at-claim': { rule: 17, text: 'the requester is authorized again at the claim' },
} as const;

export type Clause = keyof typeof clauses;
export const clauseNames = Object.keys(clauses) as readonly Clause[];

/** What of the rules has no bearing on this model, and why; where it is tested instead. */
export const beyondTheModel: readonly {
  readonly rule: number;
  readonly clause: string;
  readonly reason: string;
}[] = [
  {
    rule: 3,
    clause: 'go names the process that accepted',
    reason:
      'a go travels only on the connection that the accept came over, and an inherited run never begins, so in this ' +
      'model the name decides nothing; it is a second fence, tested in test/agent/decide.test.ts',
  },
  {
    rule: 4,
    clause: 'an fsync error ends the process',
    reason: 'a disk that lies is no state of the model; test/agent/journal.test.ts has it',
  },
  {
    rule: 7,
    clause: 'an advertised timeout has a cap',
    reason: 'time is one long interval here; test/control-plane/agents has the cap',
  },
  {
    rule: 9,
    clause: 'after a stated number of lapses the run ends',
    reason: 'the model is bounded to a few attempts; test/control-plane/runs/rules.test.ts counts them',
  },
  {
    rule: 10,
    clause: 'every hello and the sweep repeat pending cancels',
    reason:
      'every operation of the model ends by itself, so an unheard cancel blocks nothing; rules.test.ts has it',
  },
  {
    rule: 10,
    clause: 'a cancel that overtakes its offer leaves a tombstone',
    reason:
      'without it the offer is accepted and answered with another cancel: it costs a round trip, and starts nothing; ' +
      'test/agent/decide.test.ts has it',
  },
  {
    rule: 11,
    clause: 'an expired certificate is recovered under the same identity',
    reason: 'the model has no certificates; test/control-plane/agents has it',
  },
  {
    rule: 12,
    clause: 'synchronous commit to a standby',
    reason: 'a setting of PostgreSQL; the model loses whole stores instead',
  },
  {
    rule: 13,
    clause: 'a counter or a generation that goes back quarantines',
    reason:
      'the model keeps the check of the counter, but what a copied folder can still do is stated and not prevented ' +
      '(docs/threat-model.md), so no invariant hangs on it; test/control-plane/agents has it',
  },
  {
    rule: 15,
    clause: 'killed only on a full match of boot, pid, start time and group',
    reason: 'the model has no pids to be mistaken; test/agent/leftovers.test.ts has it',
  },
  {
    rule: 16,
    clause: 'idempotency keys live a stated time',
    reason: 'the run of the model is pressed once; test/control-plane/runs/request.test.ts has it',
  },
  {
    rule: 17,
    clause: 'an action points only to a group of its own project',
    reason: 'the model has one project; the schema and test/control-plane/actions have it',
  },
];

/** The rules that hold: all, but those taken away. */
export interface Rules {
  holds(clause: Clause): boolean;
}

export function rulesWithout(...removed: readonly Clause[]): Rules {
  const gone = new Set<Clause>(removed);
  return { holds: (clause) => !gone.has(clause) };
}
