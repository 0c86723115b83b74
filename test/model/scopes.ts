// The scopes that are explored with all rules on: each is about something, small enough for every day. The long suite
// adds larger ones, in which more happens to more.
import { rulesWithout } from './rules.ts';
import type { Scope } from './scope.ts';

const plain: Scope = {
  name: 'nothing happens',
  rules: rulesWithout(),
  machines: ['A', 'B'],
  attemptsMax: 2,
  intervalsMax: 0,
  idempotent: false,
  output: false,
  slowDisk: false,
  may: {},
  disturbancesMax: 0,
};

export const scopes = {
  plain,
  network: {
    ...plain,
    name: 'connections, messages and processes of the server fail',
    may: { cut: 1, lose: 1, overtake: 1, repeat: 1, pause: 1, unknown: 1, restart: 1 },
    disturbancesMax: 1,
  },
  races: {
    ...plain,
    name: 'a paused process of the server acts on what it read before connections were cut',
    machines: ['A'],
    attemptsMax: 1,
    may: { cut: 2, pause: 1 },
    disturbancesMax: 3,
  },
  deaths: {
    ...plain,
    name: 'processes and machines of agents die',
    may: { crash: 1, power: 1, flush: 1 },
    disturbancesMax: 1,
  },
  again: {
    ...plain,
    name: 'an idempotent action is tried again',
    idempotent: true,
    may: { crash: 1, later: 1, cancel: 1 },
    disturbancesMax: 2,
  },
  people: {
    ...plain,
    name: 'people and retention interfere',
    machines: ['A'],
    may: { cancel: 1, revoke: 1, prune: 1, release: 1, unauthorized: 1, refuse: 1, pause: 1, overtake: 1 },
    disturbancesMax: 2,
  },
  time: {
    ...plain,
    name: 'a long time passes over a slow disk',
    machines: ['A'],
    intervalsMax: 1,
    slowDisk: true,
    may: { cut: 1, cancel: 1, crash: 1, rival: 1, restart: 1 },
    disturbancesMax: 1,
  },
  restore: {
    ...plain,
    name: 'the database goes back',
    attemptsMax: 2,
    may: { backup: 1, restore: 1 },
    disturbancesMax: 1,
  },
  forgotten: {
    ...plain,
    name: 'the database goes back, and retention removes the run',
    machines: ['A'],
    attemptsMax: 1,
    may: { backup: 1, restore: 1, prune: 1, crash: 1 },
    disturbancesMax: 2,
  },
  copies: {
    ...plain,
    name: 'a copied state folder wakes up',
    machines: ['A', 'C'],
    intervalsMax: 1,
    attemptsMax: 1,
    may: { copy: 1 },
    disturbancesMax: 1,
  },
  output: {
    ...plain,
    name: 'output is lost, doubled and reordered',
    machines: ['A'],
    attemptsMax: 1,
    output: true,
    may: { cut: 1, lose: 1, overtake: 1, repeat: 1, crash: 1, pause: 1, restart: 1 },
    disturbancesMax: 2,
  },
} as const satisfies Record<string, Scope>;

/** Under WAYSIDE_LONG=1. */
export const longScopes = {
  longNetwork: {
    ...scopes.network,
    name: 'two failures of connections, messages and processes of the server',
    may: { cut: 2, lose: 1, overtake: 1, repeat: 1, pause: 1, unknown: 1, restart: 1 },
    disturbancesMax: 2,
  },
  longRaces: {
    ...scopes.races,
    name: 'a paused process acts late, twice offered',
    attemptsMax: 2,
    may: { cut: 2, pause: 1, unknown: 1, cancel: 1, restart: 1 },
  },
  longDeaths: {
    ...scopes.deaths,
    name: 'two deaths of agents',
    may: { crash: 2, power: 1, flush: 1, cut: 1, cancel: 1 },
    disturbancesMax: 2,
  },
  longAgain: {
    ...scopes.again,
    name: 'an idempotent action is tried again, through cuts and deaths',
    may: { crash: 2, power: 1, later: 1, cancel: 1, cut: 1 },
  },
  longPeople: {
    ...scopes.people,
    name: 'people interfere between two agents',
    machines: ['A', 'B'],
    may: {
      cancel: 1,
      revoke: 1,
      prune: 1,
      release: 1,
      unauthorized: 1,
      refuse: 2,
      cut: 1,
      pause: 1,
      overtake: 1,
    },
  },
  longTime: {
    ...scopes.time,
    name: 'a long time passes, and two things fail',
    may: { cut: 2, cancel: 1, crash: 1, rival: 1, release: 1, lose: 1, restart: 1 },
    disturbancesMax: 2,
  },
  longRestore: {
    ...scopes.restore,
    name: 'the database goes back, and an agent was cut off or died',
    may: { backup: 1, restore: 1, crash: 1, cut: 1, cancel: 1 },
    disturbancesMax: 2,
  },
  longCopies: {
    ...scopes.copies,
    name: 'a copied state folder wakes up beside another agent',
    machines: ['A', 'B', 'C'],
    attemptsMax: 2,
    may: { copy: 1, crash: 1, cut: 1 },
    disturbancesMax: 2,
  },
} as const satisfies Record<string, Scope>;
