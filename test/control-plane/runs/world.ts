// A whole control plane's worth of runs over a real store in a temporary folder, with agents that are only the other
// side of the published protocol: they get frames and send frames.
import { credentialOf } from '../../../control-plane/authority/authenticate.ts';
import { hashToken } from '../../../control-plane/authority/token.ts';
import { generateKeyPairSync, randomBytes, randomUUIDv7, webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { RunStart } from '../../../protocol/api/runs.ts';
import { Failure } from '../../../protocol/failures.ts';
import type { AgentFrame, RunInHand, ServerFrame } from '../../../protocol/frames.ts';
import { stringifyJson } from '../../../protocol/json.ts';
import type { Outcome } from '../../../protocol/outcome.ts';
import type { RunState } from '../../../protocol/states.ts';
import { insertAction } from '../../../control-plane/actions/store.ts';
import { beginSession, endSession, insertAgent, updateHello } from '../../../control-plane/agents/store.ts';
import { upsertDefinitions } from '../../../control-plane/agents/definition-store.ts';
import { openTrail } from '../../../control-plane/audit/trail.ts';
import { openAuthority } from '../../../control-plane/authority/authority.ts';
import type { Authority } from '../../../control-plane/authority/authority.ts';
import type { AgentConnection, HelloFrame } from '../../../control-plane/channel/contract.ts';
import { insertGroup } from '../../../control-plane/groups/store.ts';
import { initialize } from '../../../control-plane/organizations/initialize.ts';
import type { Actor, FaultPoint, RunFacts, RunReport } from '../../../control-plane/runs/contract.ts';
import { intentKeyOf } from '../../../control-plane/runs/intent-key.ts';
import { openRuns } from '../../../control-plane/runs/open.ts';
import type { Runs } from '../../../control-plane/runs/open.ts';
import { requestRun } from '../../../control-plane/runs/request.ts';
import { runAuthorityOf } from '../../../control-plane/runs/run-authority.ts';
import { openKeyring } from '../../../control-plane/secrets/keyring.ts';
import { openSecrets } from '../../../control-plane/secrets/secrets.ts';
import type { Secrets } from '../../../control-plane/secrets/secrets.ts';
import { step } from '../../../control-plane/store/step.ts';
import type { Step, Store } from '../../../control-plane/store/store.ts';
import { openTestStore } from '../../support/engine.ts';

export interface OperationSpec {
  readonly operation: string;
  readonly digest?: string;
  readonly schema?: object | null;
  readonly idempotent?: boolean;
  readonly token?: boolean;
  readonly concurrency?: number | null;
  readonly timeoutMs?: number;
}

export function digestOf(word: string): string {
  return `sha256:${Buffer.from(word).toString('hex').padEnd(64, '0').slice(0, 64)}`;
}

export type Received = ServerFrame | { readonly type: 'closed'; readonly reason: string };

const sealing = generateKeyPairSync('ec', { namedCurve: 'P-256' });
export const sealingPrivateKey = await webcrypto.subtle.importKey(
  'jwk',
  sealing.privateKey.export({ format: 'jwk' }),
  { name: 'ECDH', namedCurve: 'P-256' },
  true,
  ['deriveBits', 'deriveKey'],
);
const sealingJwk = JSON.stringify({ ...sealing.publicKey.export({ format: 'jwk' }), kid: 'sealing-key' });
const intentPair = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
]);
const intentKey = intentKeyOf({ kid: 'intent-key', privateKey: intentPair.privateKey });
export const intentJwk = {
  ...(await webcrypto.subtle.exportKey('jwk', intentPair.publicKey)),
  kid: 'intent-key',
};

export class World {
  now = 1_800_000_000_000;
  store!: Store;
  runs!: Runs;
  authority!: Authority;
  secrets!: Secrets;
  token = '';
  readonly reports: RunReport[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'wayside-runs-'));
  faultPoint: ((point: FaultPoint) => Promise<void> | void) | null = null;
  /** Says of a unit that was committed that its answer gets lost. */
  losesAnswer: ((unit: readonly Step[]) => boolean) | null = null;

  /** Signs what the control plane of every world signs. */
  static intentKey() {
    return intentKey;
  }

  static async open(): Promise<World> {
    const world = new World();
    await world.openStore();
    world.token = await initialize({ store: world.store, audit: world.trail() });
    await world.openRest();
    onTestFinished(() => world.close());
    return world;
  }

  async close(): Promise<void> {
    await this.runs.close().catch(() => undefined);
    await this.store.close().catch(() => undefined);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As after a crash: nothing that was in memory is left. */
  async reopen(): Promise<void> {
    await this.runs.close();
    await this.store.close();
    await this.openStore();
    await this.openRest();
  }

  /** The process dies where it stands: what was under way goes on nowhere. */
  async crash(): Promise<void> {
    this.faultPoint = null;
    this.runs.dispatcher.close();
    await this.store.close();
    await this.openStore();
    await this.openRest();
  }

  async openStore(): Promise<void> {
    const store = await openTestStore({ dataFolder: this.folder, clock: () => this.now });
    this.store = {
      ...store,
      write: async (unit) => {
        const results = await store.write(unit);
        if (this.losesAnswer?.(unit) !== true) return results;
        throw new Failure('store_failed', 'The answer was lost.', { details: { unknown: true } });
      },
    };
    const provider = await openKeyring({
      path: join(this.folder, 'keyring.json'),
      clock: { now: () => this.now },
    });
    this.secrets = await openSecrets(this.store, provider);
  }

  trail() {
    return openTrail({ store: this.store, mac: this.secrets.auditMac, clock: { now: () => this.now } });
  }

  async openRest(): Promise<void> {
    this.authority = await openAuthority(this.store, { now: () => this.now });
    this.runs = await openRuns({
      store: this.store,
      audit: this.trail(),
      authority: runAuthorityOf(this.authority),
      secrets: this.secrets,
      intentKey: () => intentKey,
      intentKeys: () => Promise.resolve([intentJwk]),
      clock: { now: () => this.now, after: () => () => undefined },
      random: { id: () => randomUUIDv7(), salt: () => randomBytes(16).toString('base64url') },
      report: (report) => this.reports.push(report),
      faultPoint: (point) => this.faultPoint?.(point),
    });
  }

  get parts() {
    return this.runs.parts;
  }

  get project(): string {
    return [...this.authority.policy().projects.keys()][0]!;
  }

  actor(permission = 'wayside.run.start'): Actor {
    const policy = this.authority.policy();
    const token = policy.tokensByHash.get(hashToken(this.token))!;
    const caller = {
      principal: policy.principals.get(token.principal)!,
      credential: credentialOf(token),
      actors: [],
    };
    return {
      caller,
      entry: {
        organization: caller.principal.organization,
        principal: { id: caller.principal.id, name: caller.principal.name, kind: caller.principal.kind },
        permission,
        decision: null,
        request: {},
      },
      guard: this.authority.guard({ policy_revision: this.authority.policy().revision }),
    };
  }

  async write(...steps: Step[]): Promise<void> {
    await this.store.write(steps);
  }

  async group(name: string, options: { readonly pinned?: boolean } = {}): Promise<string> {
    const id = randomUUIDv7();
    const pinned = options.pinned === true ? 1 : 0;
    await this.write(
      insertGroup(this.store, { id, project: this.project, name, description: '', production: 0, pinned }),
    );
    return id;
  }

  async action(
    name: string,
    group: string,
    options: { operation?: string; priority?: number; expiresInMs?: number } = {},
  ) {
    const action = {
      id: randomUUIDv7(),
      project: this.project,
      name,
      description: '',
      group_id: group,
      operation: options.operation ?? name,
      expires_in_ms: options.expiresInMs ?? 3_600_000,
      priority: options.priority ?? 0,
    };
    await this.write(insertAction(this.store, action));
    return action;
  }

  async agent(
    name: string,
    group: string,
    operations: readonly OperationSpec[],
    concurrency = 1,
  ): Promise<FakeAgent> {
    const id = randomUUIDv7();
    const organization = this.authority.policy().organization.id;
    await this.write(
      ...insertAgent(this.store, {
        id,
        organization,
        project: this.project,
        name,
        status: 'active',
        key_fingerprint: id,
        sealing_key: sealingJwk,
        certificate_serial: id,
        certificate_not_after: this.now + 86_400_000,
        groups: [group],
      }),
    );
    const agent = new FakeAgent(this, { id, name, group, concurrency });
    await agent.advertise(operations);
    return agent;
  }

  async press(action: Parameters<typeof requestRun>[1]['action'], body: Partial<RunStart> = {}) {
    return requestRun(this.parts, {
      actor: this.actor(),
      action,
      body: { inputs: {}, priority: 0, ...body },
    });
  }

  async facts(run: string): Promise<RunFacts> {
    const [row] = await this.store.read(this.parts.reads.facts({ run }));
    if (row === undefined) throw new Error(`no run ${run}`);
    return row;
  }

  async state(run: string): Promise<RunState> {
    return (await this.facts(run)).state;
  }

  async events(
    run: string,
  ): Promise<readonly { seq: number; kind: string; attempt: number; data: Record<string, unknown> }[]> {
    const rows = await this.store.read(this.parts.reads.events({ run, after: 0, limit: 100_000 }));
    return rows.map(({ seq, kind, attempt, data }) => ({
      seq,
      kind,
      attempt,
      data: JSON.parse(data) as Record<string, unknown>,
    }));
  }

  async states(run: string): Promise<readonly unknown[]> {
    return (await this.events(run)).filter(({ kind }) => kind === 'state').map(({ data }) => data['state']);
  }

  async audit(
    operation?: string,
  ): Promise<readonly { operation: string; result: string; details: string; resource: string }[]> {
    const rows = await this.store.read(
      this.store.db
        .selectFrom('audit_events')
        .select(['operation', 'result', 'details', 'resource'])
        .compile(),
    );
    return operation === undefined ? rows : rows.filter((row) => row.operation === operation);
  }

  async sql(text: string, ...parameters: unknown[]): Promise<void> {
    let place = 0;
    const sql = this.store.engine === 'sqlite' ? text : text.replaceAll('?', () => `$${(place += 1)}`);
    await this.write(step({ sql, parameters, query: {} as never, queryId: {} as never }));
  }
}

export function outcome(result: Outcome['result'], more: Partial<Outcome> = {}): Outcome {
  return {
    result,
    duration_ms: 5,
    operations: [],
    outputs: {},
    truncated: false,
    survivors: [],
    ...more,
  };
}

export class FakeAgent {
  readonly world: World;
  readonly id: string;
  readonly name: string;
  readonly group: string;
  readonly concurrency: number;
  incarnation = randomUUIDv7() as string;
  connection: FakeConnection | null = null;

  constructor(world: World, of: { id: string; name: string; group: string; concurrency: number }) {
    this.world = world;
    this.id = of.id;
    this.name = of.name;
    this.group = of.group;
    this.concurrency = of.concurrency;
  }

  async advertise(operations: readonly OperationSpec[]): Promise<void> {
    const { world } = this;
    await world.sql('delete from definitions where agent = ?', this.id);
    if (operations.length === 0) return;
    await world.write(
      ...upsertDefinitions(
        world.store,
        this.id,
        operations.map((spec) => ({
          group_id: this.group,
          operation: spec.operation,
          digest: spec.digest ?? digestOf(spec.operation),
          description: '',
          inputs: spec.schema === null || spec.schema === undefined ? null : stringifyJson(spec.schema),
          timeout_ms: spec.timeoutMs ?? 60_000,
          idempotent: spec.idempotent === true ? 1 : 0,
          concurrency: spec.concurrency ?? null,
          compatibility: 0,
          token: spec.token === true ? 1 : 0,
        })),
      ),
    );
  }

  /** Connects in a new session; grants slots unless told otherwise. */
  async connect(
    options: { runs?: readonly RunInHand[]; slots?: number | null; incarnation?: string } = {},
  ): Promise<FakeConnection> {
    const { world } = this;
    if (options.incarnation !== undefined) this.incarnation = options.incarnation;
    const project = world.project;
    const organization = world.authority.policy().organization.id;
    const [begun] = await world.store.write([
      beginSession(world.store, { id: this.id, organization, project, generation: 1, server: 'server-1' }),
    ]);
    const session = Number(begun!.rows[0]!['session']);
    const connection = new FakeConnection(this, { session, organization, project });
    const hello: HelloFrame = {
      type: 'hello',
      protocol: 1,
      version: 'test',
      incarnation: this.incarnation,
      journal_counter: 0,
      concurrency: this.concurrency,
      now: world.now,
      shares_user: true,
      runs: [...(options.runs ?? [])],
      groups: [],
      definitions: [],
      load_errors: [],
    };
    await world.store.write([
      updateHello(
        world.store,
        { agentId: this.id, session },
        {
          incarnation: this.incarnation,
          journal_counter: 0,
          version: 'test',
          concurrency: this.concurrency,
          shares_user: 1,
          load_errors: '[]',
        },
      ),
    ]);
    const { runs, ready } = await world.runs.channel.reconcile(connection, hello);
    connection.welcomed = runs;
    this.connection = connection;
    ready();
    const slots = options.slots === undefined ? this.concurrency : options.slots;
    if (slots !== null) await connection.give({ type: 'poll', slots });
    return connection;
  }

  get wire(): FakeConnection {
    if (this.connection === null) throw new Error(`${this.name} is not connected`);
    return this.connection;
  }
}

type Offer = Extract<ServerFrame, { type: 'offer' }>;

export class FakeConnection implements AgentConnection {
  readonly agent: FakeAgent;
  readonly agentId: string;
  readonly organization: string;
  readonly project: string;
  readonly session: number;
  readonly remoteAddress = '127.0.0.1';
  readonly certificate = { serial: 'A', notBefore: 0, notAfter: 0, fingerprint: 'f', generation: 1 };
  readonly received: Received[] = [];
  welcomed: readonly { run: string; attempt: number; have_seq: number; known: boolean }[] = [];
  closed: string | null = null;
  /** False refuses frames, as a full send buffer does. */
  open = true;

  constructor(agent: FakeAgent, of: { session: number; organization: string; project: string }) {
    this.agent = agent;
    this.agentId = agent.id;
    this.session = of.session;
    this.organization = of.organization;
    this.project = of.project;
  }

  get incarnation(): string {
    return this.agent.incarnation;
  }

  send(frame: ServerFrame): boolean {
    if (this.closed !== null || !this.open) return false;
    this.received.push(frame);
    return true;
  }

  close(_code: number, reason: string): void {
    if (this.closed !== null) return;
    this.closed = reason;
    this.received.push({ type: 'closed', reason });
  }

  bufferedBytes(): number {
    return 0;
  }

  /** Gives a frame to the server and waits until nothing is under way. */
  async give(...frames: Exclude<AgentFrame, HelloFrame>[]): Promise<void> {
    const { runs } = this.agent.world;
    for (const frame of frames) await runs.channel.frame(this, frame);
    await runs.idle();
  }

  async disconnect(): Promise<void> {
    const { world } = this.agent;
    world.runs.channel.gone(this);
    await world.store.write([endSession(world.store, { agentId: this.agentId, session: this.session })]);
  }

  offers(): readonly Offer[] {
    return this.received.filter((frame): frame is Offer => frame.type === 'offer');
  }

  lastOffer(): Offer {
    const offer = this.offers().at(-1);
    if (offer === undefined) throw new Error('no offer came');
    return offer;
  }

  ofType<Type extends Received['type']>(type: Type): readonly Extract<Received, { type: Type }>[] {
    return this.received.filter((frame): frame is Extract<Received, { type: Type }> => frame.type === type);
  }

  async accept(offer: { run: string; attempt: number } = this.lastOffer()): Promise<void> {
    const { run, attempt } = offer;
    await this.give({ type: 'accept', run, attempt, incarnation: this.agent.incarnation });
  }

  async refuse(code: string, offer: { run: string; attempt: number } = this.lastOffer()): Promise<void> {
    const { run, attempt } = offer;
    await this.give({ type: 'refuse', run, attempt, code, message: 'no' });
  }

  async end(
    result: Outcome['result'],
    more: Partial<Outcome> = {},
    lastSeq = 0,
    offer: { run: string; attempt: number } = this.lastOffer(),
  ) {
    const { run, attempt } = offer;
    await this.give({ type: 'end', run, attempt, last_seq: lastSeq, outcome: outcome(result, more) });
  }
}

export function status(
  run: { run: string; attempt: number },
  seq: number,
  message = `message ${seq}`,
): Extract<AgentFrame, { type: 'status' }> {
  return {
    type: 'status',
    run: run.run,
    attempt: run.attempt,
    seq,
    operation: 'op',
    message,
    values: {},
    status: null,
  };
}

export function output(
  run: { run: string; attempt: number },
  seq: number,
  text = `line ${seq}\n`,
): Extract<AgentFrame, { type: 'output' }> {
  return {
    type: 'output',
    run: run.run,
    attempt: run.attempt,
    seq,
    operation: 'op',
    stream: 'stdout',
    bytes: Buffer.from(text).toString('base64'),
  };
}
