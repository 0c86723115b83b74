import { describe, expect, it } from 'vitest';
import { followAuthorities } from '../../../control-plane/agents/follow-authorities.ts';
import type { AgentConnection } from '../../../control-plane/channel/contract.ts';
import { closeCodes } from '../../../protocol/frames.ts';
import { renewalAsksPerSecondMax } from '../../../protocol/limits.ts';

interface Seen {
  asked: number;
  closed: number | null;
}

function world(count: number) {
  let active = { id: 'first', renewsAgents: true };
  const accepted = new Set(['first']);
  let wake: (() => void) | null = null;
  const seen: Seen[] = [];
  const connections = Array.from({ length: count }, (): AgentConnection => {
    const one: Seen = { asked: 0, closed: null };
    seen.push(one);
    return {
      certificate: { authority: 'first' },
      send: () => (one.asked += 1) > 0,
      close: (code: number) => (one.closed = code),
    } as unknown as AgentConnection;
  });
  const follower = followAuthorities({
    pki: { authorities: () => ({ dataPlane: active }), isAccepted: (id) => accepted.has(id) },
    online: () => connections.filter((_, index) => seen[index]?.closed === null),
    clock: {
      after(_ms, next) {
        wake = next;
        return () => (wake = null);
      },
    },
  });
  return {
    seen,
    follower,
    asked: () => seen.reduce((sum, one) => sum + one.asked, 0),
    second() {
      const next = wake;
      wake = null;
      next?.();
    },
    isWaiting: () => wake !== null,
    rotate(id: string, renewsAgents = true) {
      accepted.add(id);
      active = { id, renewsAgents };
      follower.changed();
    },
    retire(id: string) {
      accepted.delete(id);
      follower.changed();
    },
  };
}

describe('a rotation', () => {
  it('asks every agent of the former authority once, so many a second', () => {
    const agents = world(renewalAsksPerSecondMax * 2 + 1);
    agents.rotate('second');
    expect(agents.asked()).toBe(renewalAsksPerSecondMax);
    agents.second();
    expect(agents.asked()).toBe(renewalAsksPerSecondMax * 2);
    agents.second();
    expect(agents.seen.map(({ asked }) => asked)).toEqual(agents.seen.map(() => 1));
    expect(agents.isWaiting()).toBe(false);
    agents.follower.changed();
    expect(agents.asked()).toBe(agents.seen.length);
  });

  it('asks nobody where it was told to leave them, and nobody after the end', () => {
    const agents = world(renewalAsksPerSecondMax + 1);
    agents.rotate('second', false);
    expect(agents.asked()).toBe(0);
    agents.rotate('third');
    agents.follower.stop();
    expect(agents.isWaiting()).toBe(false);
  });
});

describe('a retirement', () => {
  it('ends the connections of those that still have a certificate of it', () => {
    const agents = world(3);
    agents.rotate('second', false);
    expect(agents.seen.every(({ closed }) => closed === null)).toBe(true);
    agents.retire('first');
    expect(agents.seen.map(({ closed }) => closed)).toEqual(
      agents.seen.map(() => closeCodes.certificate_rejected),
    );
  });
});
