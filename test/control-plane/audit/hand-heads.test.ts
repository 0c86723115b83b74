// Heads go to agents with a welcome and once with an acknowledgement, and an agent that keeps one which the trail
// contradicts makes an event of it (rules.md 32).
import { randomUUIDv7 } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { openHeadHandout } from '../../../control-plane/audit/hand-heads.ts';
import type { HeadContradiction } from '../../../control-plane/audit/hand-heads.ts';
import type { AgentConnection, HelloFrame } from '../../../control-plane/channel/contract.ts';
import { readHead, signHead } from '../../../protocol/audit-head.ts';
import { auditKeysType, verifyAuditKeys } from '../../../protocol/key-statements.ts';
import { openInstallation } from '../pki/installation.ts';
import { entry, openAuditFixture, organization } from './open-audit.ts';

async function open() {
  const { store, secrets, audit } = await openAuditFixture();
  const installation = await openInstallation();
  onTestFinished(() => installation[Symbol.asyncDispose]());
  const reports: HeadContradiction[] = [];
  const authorities = () => installation.authorities;
  const handout = openHeadHandout({ store, audit, authorities, report: (found) => reports.push(found) });
  const grow = async () => {
    await store.write([audit.step(entry('something'))]);
    await audit.settle();
    const head = await audit.head(organization);
    if (head === null) throw new Error('no head');
    const read = readHead(head.jws);
    if (read === null) throw new Error('no head');
    handout.sealed({ organization, number: read.number, jws: head.jws });
    return { ...head, head: read };
  };
  const events = async () =>
    (await store.db.selectFrom('audit_events').select(['operation', 'result', 'details']).execute()).filter(
      ({ operation }) => operation === 'audit.contradict',
    );
  return { store, secrets, audit, handout, reports, grow, events, authorities };
}

const connect = () =>
  ({ agentId: randomUUIDv7(), organization, session: 1, remoteAddress: '::1' }) as unknown as AgentConnection;
const hello = (audit: HelloFrame['audit']) => ({ audit }) as HelloFrame;

it('a welcome carries the keys, vouched for by the data plane, and the newest head', async () => {
  const { handout, grow, authorities } = await open();
  expect((await handout.welcome(connect())).audit_head).toBeNull();
  const { jws, key } = await grow();
  const { audit_keys = '', audit_head } = await handout.welcome(connect());
  expect(audit_head).toBe(jws);
  const keys = await verifyAuditKeys(audit_keys, [authorities().dataPlane.publicKey]);
  expect(keys).toMatchObject([{ x: key.x, y: key.y }]);
  expect(auditKeysType).not.toBe('wayside-intent-keys+jws');
});

it('an acknowledgement carries a head once for each connection', async () => {
  const { handout, grow } = await open();
  const [one, other] = [connect(), connect()];
  expect(handout.next(one)).toBeUndefined();
  const first = await grow();
  expect(handout.next(one)).toEqual({ head: first.jws });
  expect(handout.next(one)).toBeUndefined();
  await handout.welcome(other);
  expect(handout.next(other), 'its welcome had it').toBeUndefined();
  const second = await grow();
  handout.sealed({ organization, number: first.head.number, jws: first.jws });
  expect(handout.next(one), 'never an older one').toEqual({ head: second.jws });
  expect(handout.next({ ...connect(), organization: randomUUIDv7() } as AgentConnection)).toBeUndefined();
});

it('a head that the trail does not have any more, or has differently, is an event, once', async () => {
  const { store, secrets, handout, reports, grow, events } = await open();
  const kept = await grow();
  const connection = connect();
  await handout.heard(connection, hello({ head: kept.jws, conflicts: [] }));
  expect(await events(), 'it is there').toEqual([]);

  const [key] = await secrets.signingKeys.list('audit');
  const signing = await secrets.signingKeys.ensure({ purpose: 'audit' });
  expect(key?.kid).toBe(signing.kid);
  const later = await signHead({ ...kept.head, number: 99, position: 99 }, signing);
  const forked = await signHead({ ...kept.head, hash: 'f'.repeat(64) }, signing);
  for (let time = 0; time < 2; time += 1) {
    await handout.heard(connection, hello({ head: later, conflicts: [] }));
    await handout.heard(connection, hello({ head: forked, conflicts: [] }));
    await handout.heard(
      connection,
      hello({ head: null, conflicts: [{ kind: 'forked', kept: kept.jws, received: forked }] }),
    );
  }
  expect(reports.map(({ kind }) => kind)).toEqual(['went_back', 'forked', 'forked']);
  expect(reports[0]).toMatchObject({ agent: connection.agentId, kept: { number: 99 }, found: { number: 1 } });
  const told = await events();
  expect(told.map(({ result }) => result)).toEqual(['failed', 'failed', 'failed']);
  expect(JSON.parse(told[0]?.details ?? '')).toMatchObject({ kind: 'went_back', kept: { position: 99 } });

  // What another life of the store signed, or somebody else, proves nothing about this one.
  const before = (await events()).length;
  const elsewhere = await signHead({ ...kept.head, number: 77, store_incarnation: randomUUIDv7() }, signing);
  const foreign = await signHead({ ...kept.head, number: 77, organization: randomUUIDv7() }, signing);
  for (const head of [elsewhere, foreign, 'nonsense']) {
    await handout.heard(
      connection,
      hello({ head, conflicts: [{ kind: 'forked', kept: head, received: null }] }),
    );
  }
  expect(await events()).toHaveLength(before);
  expect(store.incarnation).toBe(kept.head.store_incarnation);
});

it('a contradiction that could not be recorded is recorded the next time', async () => {
  const { store, secrets, audit, reports, grow, events, authorities } = await open();
  const kept = await grow();
  let isFull = true;
  const write: typeof store.write = (steps) =>
    isFull ? Promise.reject(new Error('the disk is full')) : store.write(steps);
  const failing = { ...store, write, db: store.db, incarnation: store.incarnation };
  const report = (found: HeadContradiction) => reports.push(found);
  const handout = openHeadHandout({ store: failing, audit, authorities, report });
  const later = await signHead(
    { ...kept.head, number: 99, position: 99 },
    await secrets.signingKeys.ensure({ purpose: 'audit' }),
  );
  const connection = connect();
  const say = () => handout.heard(connection, hello({ head: later, conflicts: [] }));
  await expect(say()).rejects.toThrow('the disk is full');
  isFull = false;
  await say();
  await say();
  expect(await events()).toHaveLength(1);
});
