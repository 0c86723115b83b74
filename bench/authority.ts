// What a decision costs with 10,000 bindings on four levels and teams in teams, with its whole trace, against the limit
// of 10 microseconds and against the same rules without any preparation; and how long a policy of that size takes to read.
import { randomUUIDv7 } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { authorize } from '../control-plane/authority/authorize.ts';
import type { Question } from '../control-plane/authority/authorize.ts';
import { insertBinding } from '../control-plane/authority/binding-store.ts';
import { buildPolicy } from '../control-plane/authority/build-policy.ts';
import type { PolicyRows } from '../control-plane/authority/build-policy.ts';
import { onBehalfOf } from '../control-plane/authority/caller.ts';
import type { Policy } from '../control-plane/authority/policy.ts';
import { readPolicy } from '../control-plane/authority/store.ts';
import { insertPrincipal } from '../control-plane/principals/store.ts';
import { openSqliteStore } from '../control-plane/store/sqlite.ts';
import { step } from '../control-plane/store/step.ts';
import type { Permission } from '../protocol/permissions.ts';
import type { Figures } from './figures.ts';
import { percentile, rounded } from './figures.ts';
import { mayObviously } from './peers/obvious-authority.ts';

const BINDINGS = 10_000;
const USERS = 500;
const TEAMS = 60;
const PROJECTS = 200;
const FOLDERS = 40;
const QUESTIONS = 4_000;
const OBVIOUS_QUESTIONS = 200;
const ROUNDS = 25;
const LIMIT_MICROSECONDS = 10;

const organization = '01900000-0000-7000-8000-000000000001';
const asked: readonly Permission[] = [
  'wayside.run.start',
  'wayside.run.read',
  'wayside.action.read',
  'wayside.variable.update',
  'wayside.group.delete',
  'iam.binding.create',
];

/** `ratio` is how many times as long the obvious way takes. */
export async function benchAuthority(): Promise<Figures> {
  const chance = chanceOf(7);
  const rows = rowsOf(chance);
  const policy = buildPolicy(rows, null);
  const questions = Array.from({ length: QUESTIONS }, () => questionOf(policy, chance));
  const some = questions.slice(0, OBVIOUS_QUESTIONS);
  for (const question of some) {
    if (authorize(policy, question).allowed !== mayObviously(policy, question))
      throw new Error('the two disagree');
  }
  const decisions = spreadOf(() => timeOf(questions, (question) => authorize(policy, question).allowed));
  const obvious = timeOf(some, (question) => mayObviously(policy, question));
  // The first decisions on a policy that nobody has asked yet: what is worked out for a principal is in them.
  const first = spreadOf(() => {
    const fresh = buildPolicy(rows, policy);
    return timeOf(questions.slice(0, USERS), (question) => authorize(fresh, question).allowed);
  });
  return {
    bindings: BINDINGS,
    allowed_share: rounded(
      questions.filter((question) => authorize(policy, question).allowed).length / QUESTIONS,
    ),
    considered_mean: rounded(
      meanOf(questions.map((question) => authorize(policy, question).considered.length)),
      1,
    ),
    ...decisions,
    first_on_a_policy_microseconds: first.decision_microseconds,
    obvious_microseconds: rounded(obvious, 1),
    ratio: rounded(obvious / decisions.decision_microseconds, 0),
    ...(await benchReading(rows)),
    limit_microseconds: LIMIT_MICROSECONDS,
    holds: decisions.decision_microseconds < LIMIT_MICROSECONDS,
  };
}

/** Of processor time, which the rest of a shared machine does not touch, and by the clock. */
function timeOf(questions: readonly Question[], decide: (question: Question) => boolean): number {
  const before = process.cpuUsage();
  let allowed = 0;
  for (const question of questions) if (decide(question)) allowed += 1;
  const { user, system } = process.cpuUsage(before);
  if (allowed === 0 || allowed === questions.length) throw new Error('the questions ask nothing');
  return (user + system) / questions.length;
}

function spreadOf(measure: () => number) {
  const samples = Array.from({ length: ROUNDS }, measure);
  return {
    decision_microseconds: rounded(percentile(samples, 0.5)),
    decision_microseconds_worst_round: rounded(percentile(samples, 1)),
  };
}

function meanOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length;
}

function chanceOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function rowsOf(chance: (below: number) => number): PolicyRows {
  const named = (kind: string, count: number) =>
    Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  const users = named('user', USERS);
  const teams = named('team', TEAMS);
  const subjects = [...users, ...teams];
  return {
    organization: { id: organization, name: 'bench', policy_revision: 1 },
    // A folder in a folder, so that organization, folders, project and action are four levels and more.
    folders: named('folder', FOLDERS).map((id, index) => ({
      id,
      name: id,
      parent: index < FOLDERS / 2 ? null : `folder-${index - FOLDERS / 2}`,
    })),
    projects: named('project', PROJECTS).map((id) => ({
      id,
      organization,
      name: id,
      folder: `folder-${FOLDERS / 2 + chance(FOLDERS / 2)}`,
    })),
    principals: subjects.map((id) => ({
      id,
      organization,
      kind: id.startsWith('team') ? ('team' as const) : ('user' as const),
      name: id,
      disabled_at: null,
    })),
    tokens: [],
    members: [
      ...users.map((member) => ({ member, team: `team-${chance(TEAMS)}` })),
      ...teams.slice(1).map((member, index) => ({ member, team: `team-${Math.floor(index / 4)}` })),
    ],
    roles: [],
    bindings: Array.from({ length: BINDINGS }, (_, index) => bindingRow(chance, subjects, index)),
    entitlements: [],
  };
}

function bindingRow(
  chance: (below: number) => number,
  subjects: readonly string[],
  index: number,
): PolicyRows['bindings'][number] {
  const project = `projects/project-${chance(PROJECTS)}`;
  const kind = chance(100);
  const level =
    kind < 1
      ? ''
      : kind < 10
        ? `folders/folder-${chance(FOLDERS)}`
        : kind < 70
          ? project
          : `${project}/actions/action-${chance(4)}`;
  const condition = { input: 'environment', operator: 'one_of', values: ['staging', 'dev'] };
  return {
    id: `binding-${index}`,
    principal: subjects[chance(subjects.length)] ?? '',
    role: ['viewer', 'contributor', 'contributor', 'admin'][chance(4)] ?? 'viewer',
    effect: chance(50) === 0 ? 'deny' : 'allow',
    level,
    conditions: chance(20) === 0 ? JSON.stringify([condition]) : '[]',
    not_before: null,
    not_after: chance(20) === 0 ? 1_000 : null,
    support: null,
  };
}

function questionOf(policy: Policy, chance: (below: number) => number): Question {
  const principal = policy.principals.get(`user-${chance(USERS)}`);
  if (principal === undefined) throw new Error('there is no such user');
  return {
    id: '01900000-0000-7000-8000-000000000002',
    at: 2_000,
    caller: onBehalfOf(principal),
    permission: asked[chance(asked.length)] ?? 'wayside.run.read',
    resource: { organization, project: `project-${chance(PROJECTS)}`, thing: `actions/action-${chance(4)}` },
    inputs: new Map([['environment', chance(2) === 0 ? 'staging' : 'production']]),
  };
}

/** How long the whole policy takes to read and to make of its rows, which every change of it costs once. */
async function benchReading(rows: PolicyRows): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'wayside-bench-authority-'));
  const store = await openSqliteStore({ dataFolder: folder });
  try {
    const made = { id: organization, name: 'bench', created_at: 1, policy_revision: 1 };
    await store.write([
      step(store.db.insertInto('organizations').values({ ...made })),
      ...rows.principals.map(({ id, kind, name }) =>
        insertPrincipal(store, { id, organization, kind, name }),
      ),
    ]);
    const steps = rows.bindings.map(({ principal, role }) =>
      insertBinding(store, { id: randomUUIDv7(), organization, principal, role }),
    );
    for (let from = 0; from < steps.length; from += 1_000) await store.write(steps.slice(from, from + 1_000));
    let policy = await readPolicy(store);
    const times: number[] = [];
    const blocked: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = performance.now();
      const before = performance.eventLoopUtilization();
      policy = await readPolicy(store, policy);
      times.push(performance.now() - start);
      blocked.push(performance.eventLoopUtilization(before).active);
    }
    return {
      read_ms: rounded(percentile(times, 0.5)),
      read_ms_worst_round: rounded(percentile(times, 1)),
      read_main_thread_ms: rounded(percentile(blocked, 0.5)),
    };
  } finally {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
