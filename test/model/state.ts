// One state of the model: the store, the server's processes, the wires, the machines of the agents, and the history that
// the invariants look at. Immutable plain data.
import type { RunFacts } from '../../control-plane/runs/contract.ts';
import { JournalFold } from '../../agent/journal-records.ts';
import type { JournalRecord } from '../../agent/journal-records.ts';
import type { WorkState } from '../../agent/work-state.ts';
import type { AgentFrame, ServerFrame } from '../../protocol/frames.ts';
import type { Outcome } from '../../protocol/outcome.ts';
import type { OutcomeResult } from '../../protocol/states.ts';
import type { Unit } from './statements.ts';

export const run = 'run';

export type AgentName = 'A' | 'B';
/** `C` is where a copy of the state folder of A wakes up. */
export type MachineName = 'A' | 'B' | 'C';

/** The columns of a run that its transitions look at. */
export type Row = RunFacts & { readonly started_at: number | null };

export interface AgentRow {
  readonly status: 'active' | 'quarantined' | 'revoked';
  readonly session: number;
  readonly connected: boolean;
  readonly incarnation: string | null;
  readonly former: readonly string[];
  readonly journalCounter: number;
}

/** What is durable at the server. */
export interface Db {
  readonly row: Row | null;
  readonly tombstone: boolean;
  readonly agents: Readonly<Record<AgentName, AgentRow>>;
  readonly incarnation: string;
  readonly earlier: readonly string[];
  /** The requester may start the action. */
  readonly authority: boolean;
  /** A later run of the same action has started. */
  readonly laterStarted: boolean;
  /** How many long intervals have passed: each is longer than a lease, a go, a deadline and the grace together. */
  readonly now: number;
  /** For the invariants alone: the run was pruned, and which attempts were given out and had their output stored. */
  readonly pruned: boolean;
}

export type DownFrame =
  ServerFrame | { readonly type: 'closed'; readonly fate: 'agent_revoked' | 'quarantined' | null };

/** One connection, from its session to where neither side knows of it. */
export interface Wire {
  readonly session: number;
  readonly agent: AgentName;
  readonly process: string;
  /** The agent's side; what it has sent still reaches the server. */
  readonly clientOpen: boolean;
  readonly serverOpen: boolean;
  readonly greeted: boolean;
  /** The server may send offers over it. */
  readonly seat: boolean;
  /** Something on it was lost, so that it cannot live on. */
  readonly broken: boolean;
  readonly up: readonly AgentFrame[];
  readonly down: readonly DownFrame[];
}

/** A process of the server that has read and decided, and has not yet written. */
export interface Paused {
  readonly wire: string;
  readonly what: string;
  readonly frame: AgentFrame | null;
  readonly unit: Unit;
}

export interface Stream {
  readonly attached: boolean;
  readonly lastSeq: number;
  readonly acked: number;
  readonly end: Outcome | null;
  readonly sent: boolean;
}

export interface Process {
  readonly id: string;
  readonly machine: MachineName;
  readonly work: WorkState;
  readonly streams: ReadonlyMap<string, Stream>;
  /** Records on their way to the disk, oldest first. */
  readonly disk: readonly { readonly key: string; readonly record: JournalRecord }[];
  /** Of what it executes, how it was told to stop; null where it was not. */
  readonly executing: ReadonlyMap<string, string | null>;
  /** The life of the store for which it has told what is past. */
  readonly recalled: string | null;
}

/** The state folder of a machine, as its disk has it. */
export interface Folder {
  readonly agent: AgentName;
  readonly records: readonly JournalRecord[];
  /** So many of them survive the death of the machine. */
  readonly flushed: number;
  readonly spool: ReadonlyMap<string, Pick<Stream, 'lastSeq' | 'acked'>>;
  readonly started: number;
}

/** What really happened on a machine; nobody in the model can look here but the invariants. */
export interface Operation {
  readonly attempt: number;
  readonly process: string;
  readonly machine: MachineName;
  readonly result: 'going' | 'killed' | OutcomeResult;
}

export interface World {
  readonly db: Db;
  readonly backup: Db | null;
  /** Nothing is dispatched until the agents have reported, or a grace has passed. */
  readonly held: boolean;
  readonly wires: readonly Wire[];
  readonly paused: readonly Paused[];
  readonly processes: readonly Process[];
  readonly folders: Readonly<Partial<Record<MachineName, Folder>>>;
  readonly operations: readonly Operation[];
  /** How often each disturbance has happened. */
  readonly spent: Readonly<Partial<Record<string, number>>>;
  /** For the invariants: `attempt agent` as they were durably given, and attempts whose output was stored. */
  readonly given: readonly string[];
  readonly stored: readonly number[];
  readonly violation: string | null;
}

const folds = new WeakMap<readonly JournalRecord[], JournalFold>();

/** The sum of a journal; not to be changed. */
export function foldOf(records: readonly JournalRecord[]): JournalFold {
  const known = folds.get(records);
  if (known !== undefined) return known;
  const fold = new JournalFold();
  for (const record of records) fold.apply(record);
  folds.set(records, fold);
  return fold;
}

export function wireName({ agent, session }: Pick<Wire, 'agent' | 'session'>): string {
  return `${agent}#${session}`;
}

export function agentOf(world: World, machine: MachineName): AgentName {
  return world.folders[machine]?.agent ?? 'A';
}

export function wireOf(world: World, name: string): Wire | undefined {
  return world.wires.find((wire) => wireName(wire) === name);
}

export function withWire(world: World, name: string, fields: Partial<Wire>): World {
  return {
    ...world,
    wires: world.wires.map((wire) => (wireName(wire) === name ? { ...wire, ...fields } : wire)),
  };
}

export function withoutWire(world: World, name: string): World {
  return { ...world, wires: world.wires.filter((wire) => wireName(wire) !== name) };
}

export function processOf(world: World, id: string): Process | undefined {
  return world.processes.find((process) => process.id === id);
}

export function withProcess(world: World, id: string, fields: Partial<Process>): World {
  return {
    ...world,
    processes: world.processes.map((process) => (process.id === id ? { ...process, ...fields } : process)),
  };
}

export function withDb(world: World, fields: Partial<Db>): World {
  return { ...world, db: { ...world.db, ...fields } };
}

export function withAgent(db: Db, agent: AgentName, fields: Partial<AgentRow>): Db {
  return { ...db, agents: { ...db.agents, [agent]: { ...db.agents[agent], ...fields } } };
}

export function broken(world: World, violation: string): World {
  return world.violation === null ? { ...world, violation } : world;
}
