// What the parts of a run's path agree on: the facts of a row, a seat, and everything that they are given from outside.
import type { CryptoKey, JWK } from 'jose';
import type { IntentKey } from '../../protocol/intent.ts';
import type { AuditEntry, AuditTrail } from '../authority/change.ts';
import type { Caller } from '../authority/caller.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { RunsTable } from '../store/schema.ts';
import type { NewEvent } from './events.ts';
import type { Step, Store } from '../store/store.ts';

/** What decisions about a run read of its row; no inputs, no secrets. */
export type RunFacts = Pick<
  RunsTable,
  | 'id'
  | 'organization'
  | 'project'
  | 'action'
  | 'action_name'
  | 'group_id'
  | 'operation'
  | 'sequence'
  | 'state'
  | 'priority'
  | 'turn'
  | 'attempt'
  | 'lapsed'
  | 'agent'
  | 'agent_incarnation'
  | 'excluded_agents'
  | 'requested_by'
  | 'requester_name'
  | 'token'
  | 'definition_digest'
  | 'idempotent'
  | 'timeout_ms'
  | 'settled'
  | 'failure_code'
  | 'released_by'
  | 'store_incarnation'
  | 'cancel_requested_at'
  | 'last_wire_seq'
  | 'last_event'
  | 'expires_at'
  | 'traceparent'
>;

/** A queued run as the claim sees it: the facts, and its inputs as they are stored. */
export type Candidate = RunFacts & Pick<RunsTable, 'visible_inputs' | 'envelope'>;

/** What one agent advertises of one operation. */
export interface SeatDefinition {
  readonly digest: string;
  readonly concurrency: number | null;
  /** Whether its runs get a token. */
  readonly token?: boolean;
}

/** A connected agent whose `hello` has been reconciled, with what it can take and what it has in hand. */
export interface Seat {
  readonly connection: AgentConnection;
  agent: { readonly id: string; readonly name: string };
  /** Names by id of the groups that it serves. */
  readonly groups: ReadonlyMap<string, string>;
  /** By group id, then by operation. */
  definitions: ReadonlyMap<string, ReadonlyMap<string, SeatDefinition>>;
  readonly concurrency: number;
  /** The key that inputs are sealed to. */
  readonly recipient: { readonly kid: string; readonly publicKey: CryptoKey };
  /** How many offers it may still get; `poll` sets it, each offer takes one. */
  granted: number;
  /** False until the answer to its hello has left (rules.md 2), and when it is leaving. */
  open: boolean;
  /** Offered to it or running at it, by run id. */
  readonly held: Map<string, RunFacts>;
  /** When its last run left it; the longest idle one is chosen among equals. */
  idleSince: number;
}

/** Who asks for a change, as the choke point let them through. */
export interface Actor {
  readonly caller: Caller;
  readonly entry: Pick<AuditEntry, 'organization' | 'principal' | 'permission' | 'decision' | 'request'>;
  /** Proves at commit that the decision still holds. */
  readonly guard: Step;
}

/** The right to start a run, asked again when it is claimed (rules.md 17). All three speak of the policy in memory. */
export interface RunAuthority {
  mayStill(
    run: Pick<
      Candidate,
      'organization' | 'project' | 'action' | 'group_id' | 'requested_by' | 'token' | 'visible_inputs'
    >,
  ): boolean;
  /** Proves at commit that the policy is still the one that `mayStill` was asked of. */
  guard(): Step;
  reload(): Promise<void>;
}

export interface RunClock {
  /** Epoch ms. */
  now(): number;
  /** Calls `wake` once after `ms`; the answer cancels it. */
  after(ms: number, wake: () => void): () => void;
}

/** A change of a run that is being committed. */
export interface WitnessedChange {
  readonly run: string;
  readonly attempt: number;
  /** As they were before. */
  readonly facts?: RunFacts;
  readonly events: readonly { readonly event: NewEvent }[];
}

/**
 * Told of runs as their changes are committed, for metrics and traces. What it does is quick, and never throws. A
 * function that it answers is called when that has been committed, and not at all where the commit failed.
 */
export interface RunWitness {
  /** What a run that is requested now belongs to (W3C Trace Context, `traceparent`); null where nobody traces it. */
  traceparent(): string | null;
  requesting(run: RunFacts): (() => void) | undefined;
  offered(run: RunFacts, seat: Seat): void;
  changing(change: WitnessedChange): (() => void) | undefined;
}

/** Something that the operator should be able to see. */
export interface RunReport {
  readonly kind: 'dispatch_failed' | 'sweep_failed' | 'frame_refused' | 'offer_failed' | 'rolled_back';
  readonly message: string;
  readonly run?: string;
  readonly agent?: string;
  readonly cause?: unknown;
}

/** Places between two durable steps. A fault test stops the process there; production wires nothing. */
export type FaultPoint =
  | 'before-request-commit'
  | 'after-request-commit'
  | 'after-offer-commit'
  | 'after-offer-sent'
  | 'before-accept-commit'
  | 'after-accept-commit'
  | 'after-go-sent'
  | 'before-report-commit'
  | 'after-report-commit'
  | 'before-end-commit'
  | 'after-end-commit'
  | 'after-cancel-commit'
  | 'after-refuse-commit'
  | 'after-reconcile-commit';

export interface RunsDeps {
  readonly store: Store;
  readonly audit: AuditTrail;
  readonly authority: RunAuthority;
  readonly secrets: Pick<Secrets, 'sealAtRest' | 'openTextAtRest'>;
  /** The active key that signs intents; see `intentKeyOf`. */
  readonly intentKey: () => IntentKey;
  /** Public halves of all keys that ever signed intents of this store. */
  readonly intentKeys: () => Promise<readonly JWK[]>;
  readonly clock: RunClock;
  readonly random: {
    /** A UUIDv7 (RFC 9562). */
    id(): string;
    /** 16 random bytes in base64url. */
    salt(): string;
    /** From 0 up to 1, not 1; by it several control planes get out of each other's way. Left out: 0. */
    fraction?(): number;
  };
  readonly report: (report: RunReport) => void;
  readonly witness?: RunWitness;
  /** The newest head of the audit trail, where this connection has not got it yet (rules.md 32). */
  readonly headFor?: (connection: AgentConnection) => { readonly head: string } | undefined;
  /**
   * Since when the database has been in reach without a break, by the clock of this process; null while it is away.
   * Left out: since the start.
   */
  readonly inTouchSince?: () => number | null;
  readonly faultPoint?: (point: FaultPoint) => Promise<void> | void;
}
