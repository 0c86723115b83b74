// Hands signed heads of the audit trail to agents, where nobody who reaches the database reaches them, and listens to
// those that find a contradiction (rules.md 32).
import type { JWK } from 'jose';
import { headHash, readHead, verifyHead } from '../../protocol/audit-head.ts';
import type { AuditHead } from '../../protocol/audit-head.ts';
import type { ServerFrame } from '../../protocol/frames.ts';
import { auditKeysType } from '../../protocol/key-statements.ts';
import type { AgentConnection, HelloFrame } from '../channel/contract.ts';
import type { Authorities } from '../pki/authorities.ts';
import { signKeySet } from '../pki/intent-keys.ts';
import type { Store } from '../store/store.ts';
import type { Audit } from './audit.ts';
import type { SealedHead } from './heads.ts';

type Welcome = Extract<ServerFrame, { type: 'welcome' }>;

/** What an agent's heads say against this trail. */
export interface HeadContradiction {
  readonly agent: string;
  readonly kind: 'went_back' | 'forked';
  readonly kept: HeadPlace;
  /** What this trail shows in its place; null where it shows nothing. */
  readonly found: HeadPlace | null;
}

type HeadPlace = Pick<AuditHead, 'number' | 'position' | 'hash'>;

export interface HeadHandout {
  /** For a welcome: the keys, and the newest head. */
  welcome(connection: AgentConnection): Promise<Pick<Welcome, 'audit_keys' | 'audit_head'>>;
  /** For an acknowledgement: a head that this connection has not got yet. */
  next(connection: AgentConnection): { readonly head: string } | undefined;
  /** Holds what a hello says against the trail. */
  heard(connection: AgentConnection, hello: HelloFrame): Promise<void>;
  /** This process has signed one. */
  sealed(head: SealedHead): void;
}

export interface HeadHandoutDeps {
  readonly store: Store;
  readonly audit: Pick<Audit, 'head' | 'keys' | 'step'>;
  readonly authorities: () => Authorities;
  readonly report: (contradiction: HeadContradiction) => void;
}

export function openHeadHandout(deps: HeadHandoutDeps): HeadHandout {
  const newest = new Map<string, { readonly number: number; readonly jws: string }>();
  const given = new WeakMap<AgentConnection, string>();
  const told = new Set<string>();
  const statementOf = openStatement(deps);

  const take = ({ organization, number, jws }: SealedHead): void => {
    if ((newest.get(organization)?.number ?? 0) < number) newest.set(organization, { number, jws });
  };
  return {
    sealed: take,
    async welcome(connection) {
      const { organization } = connection;
      const [audit_keys, exported] = await Promise.all([statementOf(), deps.audit.head(organization)]);
      const head = exported === null ? null : readHead(exported.jws);
      if (exported === null || head === null) return { audit_keys, audit_head: null };
      take({ organization, number: head.number, jws: exported.jws });
      given.set(connection, exported.jws);
      return { audit_keys, audit_head: exported.jws };
    },
    next(connection) {
      const head = newest.get(connection.organization)?.jws;
      if (head === undefined || given.get(connection) === head) return undefined;
      given.set(connection, head);
      return { head };
    },
    async heard(connection, { audit }) {
      if (audit === undefined) return;
      const keys = [...(await deps.audit.keys()).values()];
      const claims = [
        ...audit.conflicts.map(({ kept, received }) => ({ kept, received })),
        ...(audit.head === null ? [] : [{ kept: audit.head, received: null }]),
      ];
      for (const claim of claims) {
        const found = await judge(deps, connection, { ...claim, keys });
        const mark = `${connection.agentId} ${headHash(claim.kept)} ${claim.received ?? ''}`;
        if (found === null || told.has(mark)) continue;
        await record(deps, connection, found);
        told.add(mark);
      }
    },
  };
}

/** Signed again when there is another key or another authority. */
function openStatement({ audit, authorities }: HeadHandoutDeps): () => Promise<string> {
  let held: { readonly of: string; readonly statement: string } | null = null;
  return async () => {
    const keys = await audit.keys();
    const signing = authorities();
    const of = [signing.dataPlane.kid, ...keys.keys()].join(' ');
    if (held?.of === of) return held.statement;
    const statement = await signKeySet(signing, { type: auditKeysType, keys: [...keys.values()] });
    held = { of, statement };
    return statement;
  };
}

/**
 * Null where nothing is wrong, or what the agent shows proves nothing: it is believed only in what we have signed. A
 * head that is older than those that are kept here was pruned.
 */
async function judge(
  deps: HeadHandoutDeps,
  { agentId: agent, organization }: AgentConnection,
  claim: { readonly kept: string; readonly received: string | null; readonly keys: readonly JWK[] },
): Promise<HeadContradiction | null> {
  const kept = await verifyHead(claim.kept, claim.keys);
  const { store } = deps;
  if (kept === null || kept.organization !== organization || kept.store_incarnation !== store.incarnation)
    return null;
  const received = claim.received === null ? null : await verifyHead(claim.received, claim.keys);
  if (received !== null && received.store_incarnation !== kept.store_incarnation) return null;
  if (received?.number === kept.number && !isSame(received, kept)) {
    return { agent, kind: 'forked', kept: placeOf(kept), found: placeOf(received) };
  }
  const [row, last] = await Promise.all([rowOf(store, kept.number), lastOf(store)]);
  if (row !== null) {
    if (row.position === kept.position && row.hash === kept.hash) return null;
    return { agent, kind: 'forked', kept: placeOf(kept), found: row };
  }
  if (last !== null && last.number > kept.number) return null;
  return { agent, kind: 'went_back', kept: placeOf(kept), found: last };
}

function isSame(one: AuditHead, other: AuditHead): boolean {
  return one.position === other.position && one.hash === other.hash;
}

function placeOf({ number, position, hash }: HeadPlace): HeadPlace {
  return { number, position, hash };
}

async function rowOf(store: Store, number: number): Promise<HeadPlace | null> {
  const query = store.db
    .selectFrom('audit_heads')
    .select(['number', 'position', 'hash'])
    .where('number', '=', number);
  return (await store.read(query.compile()))[0] ?? null;
}

/** Of whichever organization: numbers count all of them. */
async function lastOf(store: Store): Promise<HeadPlace | null> {
  const query = store.db
    .selectFrom('audit_heads')
    .select(['number', 'position', 'hash'])
    .orderBy('number', 'desc')
    .limit(1);
  return (await store.read(query.compile()))[0] ?? null;
}

async function record(
  deps: HeadHandoutDeps,
  connection: AgentConnection,
  contradiction: HeadContradiction,
): Promise<void> {
  const { agent, ...details } = contradiction;
  deps.report(contradiction);
  await deps.store.write([
    deps.audit.step({
      organization: connection.organization,
      principal: { id: agent, name: agent, kind: 'agent' },
      operation: 'audit.contradict',
      permission: null,
      resource: 'audit',
      result: 'failed',
      decision: null,
      details,
      request: { session: connection.session, ip: connection.remoteAddress },
    }),
  ]);
}
