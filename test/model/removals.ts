// For each clause of the rules, the smallest scope in which its absence shows.
import type { Clause } from './rules.ts';
import type { Scope } from './scope.ts';
import { scopes } from './scopes.ts';

const { plain } = scopes;

function scope(name: string, fields: Partial<Scope>): Scope {
  return { ...plain, name, ...fields };
}

const onlyA = { machines: ['A'] } as const;

export const removals: Readonly<Record<Clause, Scope>> = {
  session: scope('a hello stuck in a paused process', {
    ...onlyA,
    may: { cut: 2, pause: 1 },
    disturbancesMax: 3,
  }),
  'offer-after-hello': scope('an offer before the welcome', {
    ...onlyA,
    may: { cut: 1 },
    disturbancesMax: 1,
  }),
  'one-process': scope('two processes on one folder', { ...onlyA, may: { second: 1 }, disturbancesMax: 1 }),
  'unknown-is-indeterminate': scope('a copy that knows nothing', {
    machines: ['A', 'C'],
    may: { copy: 1 },
    disturbancesMax: 1,
  }),
  'send-after-commit': scope('a go before its commit', { ...onlyA, may: { pause: 1 }, disturbancesMax: 1 }),
  'read-again': scope('a commit that came to nothing', { ...onlyA, may: { unknown: 1 }, disturbancesMax: 1 }),
  'own-attempt': scope('an accept of what was given on', { may: {}, disturbancesMax: 0 }),
  'wait-for-go': scope('a start on the offer', { may: {}, disturbancesMax: 0 }),
  'never-by-itself': scope('a process that begins again', {
    ...onlyA,
    may: { crash: 1 },
    disturbancesMax: 1,
  }),
  'idempotent-only': scope('a second attempt', { ...onlyA, may: { crash: 1 }, disturbancesMax: 1 }),
  'no-later-run': scope('a second attempt behind a later run', {
    ...onlyA,
    idempotent: true,
    may: { crash: 1, later: 1 },
    disturbancesMax: 2,
  }),
  'boot-time': scope('a suspended machine', {
    ...onlyA,
    intervalsMax: 1,
    may: { restart: 1 },
    disturbancesMax: 1,
  }),
  'live-session-first': scope('a run that takes too long', { ...onlyA, intervalsMax: 1 }),
  'slot-kept': scope('a slot given away', {
    ...onlyA,
    intervalsMax: 1,
    may: { cut: 1, rival: 1 },
    disturbancesMax: 2,
  }),
  expiry: scope('nobody is left', { ...onlyA, may: { revoke: 1 }, disturbancesMax: 1 }),
  'transient-requeues': scope('an agent that cannot', { ...onlyA, may: { refuse: 1 }, disturbancesMax: 1 }),
  'cancel-asks': scope('a cancel of what runs', { ...onlyA, may: { cancel: 1 }, disturbancesMax: 1 }),
  'silent-is-indeterminate': scope('a canceled run that is not heard of', {
    ...onlyA,
    intervalsMax: 1,
    may: { cancel: 1, cut: 1 },
    disturbancesMax: 2,
  }),
  'revoked-is-mute': scope('a revoked agent', { ...onlyA, may: { revoke: 1 }, disturbancesMax: 1 }),
  'new-incarnation': scope('a restored store', { may: { backup: 1, restore: 1 }, disturbancesMax: 1 }),
  'flushed-begin': scope('a dead machine', { ...onlyA, may: { power: 1, flush: 1 }, disturbancesMax: 1 }),
  'complete-end': scope('output that is lost', {
    ...onlyA,
    output: true,
    may: { lose: 1 },
    disturbancesMax: 1,
  }),
  'kill-orphans': scope('an orphan', { ...onlyA, idempotent: true, may: { crash: 1 }, disturbancesMax: 1 }),
  tombstones: scope('a run that was pruned', {
    ...onlyA,
    may: { backup: 1, restore: 1, prune: 1, cut: 1 },
    disturbancesMax: 3,
  }),
  'authority-at-claim': scope('a lost right', { ...onlyA, may: { unauthorized: 1 }, disturbancesMax: 1 }),
};
