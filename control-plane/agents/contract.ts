// What the verbs of agents are given from outside.
import type { AuditEntry } from '../authority/change.ts';
import type { AgentConnection } from '../channel/contract.ts';
import type { Authorities } from '../pki/authorities.ts';
import type { Role } from '../pki/roles.ts';
import type { X509Certificate } from 'node:crypto';
import type { Step, Store } from '../store/store.ts';

export interface AgentsDeps {
  readonly store: Store;
  /** The row of this process among the control planes. */
  readonly server: string;
  readonly audit: { step(entry: AuditEntry): Step };
  readonly clock: { now(): number };
  readonly pki: {
    authorities(): Authorities;
    intentKeys(): string;
    role(name: string): Role | null;
    formerDataPlanes(): Promise<readonly X509Certificate[]>;
    /** After another process changed an authority. */
    refresh(): Promise<void>;
  };
  readonly urls: {
    /** `wss://host:port/agent`, as agents reach it. */
    readonly agent: string;
    /** `https://host:port`. */
    readonly enroll: string;
  };
  /** The live connection of an agent, where it is connected to this process. */
  readonly connectionOf: (agentId: string) => AgentConnection | null;
  /** Tells everybody who holds the agent that its row has changed; left out, nobody does. */
  readonly changed?: (agentId: string) => void;
  /** Counts a denial of a request that nobody signed (rules.md 32). */
  readonly countDenial: (reason: string) => void;
  /** Throws `quota_exceeded` or `entitlement_missing` where there may not be one more agent; left out, there may. */
  readonly demandAgent?: () => Promise<unknown>;
}

/** What revoking an agent asks of its runs (rules.md 11); given by `runs/`, which agents never import. */
export interface RunsOfAgent {
  /**
   * Reads the runs in the agent's hands and answers the steps that put the offered ones back into the queue and call
   * the running ones indeterminate (agent_revoked), with a guard that these are all of them: a failed guard makes the
   * revocation begin again.
   */
  revoke(agentId: string): Promise<RevokedRuns>;
}

export interface RevokedRuns {
  readonly steps: readonly Step[];
  /** Called when they are committed: live events, seats, the next claim. */
  readonly committed: () => void;
}
