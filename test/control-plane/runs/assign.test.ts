import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assign, countRoom, placeOf, takeable } from '../../../control-plane/runs/assign.ts';
import type { Place } from '../../../control-plane/runs/assign.ts';
import type { RunFacts, Seat, SeatDefinition } from '../../../control-plane/runs/contract.ts';

type Queued = Pick<RunFacts, 'id' | 'group_id' | 'operation' | 'definition_digest' | 'excluded_agents'>;

function run(id: string, more: Partial<Queued> = {}): Queued {
  return { id, group_id: 'g', operation: 'op', definition_digest: 'd', excluded_agents: '{}', ...more };
}

function seat(
  id: string,
  more: {
    granted?: number;
    concurrency?: number;
    idleSince?: number;
    groups?: readonly string[];
    limit?: number | null;
    held?: number;
  } = {},
): Seat {
  const groups = more.groups ?? ['g'];
  const definition: SeatDefinition = { digest: 'd', concurrency: more.limit ?? null };
  const held = Array.from({ length: more.held ?? 0 }, (_, index): [string, RunFacts] => [
    `held-${index}`,
    run(`held-${index}`) as RunFacts,
  ]);
  return {
    connection: {} as Seat['connection'],
    agent: { id, name: id },
    groups: new Map(groups.map((group) => [group, group])),
    definitions: new Map(groups.map((group) => [group, new Map([['op', definition]])])),
    concurrency: more.concurrency ?? 10,
    recipient: {} as Seat['recipient'],
    granted: more.granted ?? 10,
    open: true,
    held: new Map(held),
    idleSince: more.idleSince ?? 0,
  };
}

function given(
  queues: readonly (readonly Queued[])[],
  places: readonly Place[],
  first = 0,
): readonly string[] {
  return assign(queues, places, first).map(({ run: { id }, seat: { agent } }) => `${id}@${agent.id}`);
}

describe('the choice of the agent', () => {
  it('is the least loaded one, relative to what it does at once', () => {
    const places = [
      seat('big', { concurrency: 10, held: 3 }),
      seat('small', { concurrency: 2, held: 1 }),
    ].map(placeOf);
    expect(given([[run('a')]], places)).toEqual(['a@big']);
  });

  it('is the longest idle one among equals', () => {
    const places = [seat('later', { idleSince: 2 }), seat('earlier', { idleSince: 1 })].map(placeOf);
    expect(given([[run('a')]], places)).toEqual(['a@earlier']);
  });

  it('spreads a burst over the agents', () => {
    const places = [
      seat('one', { concurrency: 2, granted: 2 }),
      seat('two', { concurrency: 2, granted: 2 }),
    ].map(placeOf);
    expect(given([['a', 'b', 'c', 'd', 'e'].map((id) => run(id))], places)).toEqual([
      'a@one',
      'b@two',
      'c@one',
      'd@two',
    ]);
  });

  it('needs the very digest', () => {
    expect(given([[run('a', { definition_digest: 'other' })]], [placeOf(seat('one'))])).toEqual([]);
  });

  it('passes over an agent that is left out', () => {
    const places = [placeOf(seat('one'))];
    expect(given([[run('a', { excluded_agents: '{"one":5}' }), run('b')]], places)).toEqual(['b@one']);
  });

  it('never gives more of a limited operation than its limit, kept slots counted in', () => {
    const places = [placeOf(seat('one', { limit: 3, held: 1 }))];
    countRoom(places, 'g', [{ agent: 'one', operation: 'op', count: 1 }]);
    expect(takeable(places[0]!, 'g')).toEqual([{ operation: 'op', digest: 'd' }]);
    expect(given([[run('a'), run('b')]], places)).toEqual(['a@one']);
    expect(takeable(places[0]!, 'g')).toEqual([]);
  });
});

describe('fairness between groups', () => {
  it('is one run of each in turn, beginning where the last claim did not', () => {
    const groups = ['g', 'h'];
    const queues = [[run('g1'), run('g2'), run('g3')], [run('h1', { group_id: 'h' })]];
    expect(given(queues, [placeOf(seat('one', { groups, granted: 2 }))], 0)).toEqual(['g1@one', 'h1@one']);
    expect(given(queues, [placeOf(seat('one', { groups, granted: 2 }))], 1)).toEqual(['h1@one', 'g1@one']);
  });
});

it('gives nobody more than it has room for, nothing twice, and leaves no slot empty that a run could have (property)', () => {
  const places = fc.array(
    fc.record({ granted: fc.nat(4), concurrency: fc.integer({ min: 1, max: 4 }), held: fc.nat(3) }),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(places, fc.nat(12), fc.nat(3), (seats, count, first) => {
      const free = seats.map(({ granted, concurrency, held }) =>
        Math.max(0, Math.min(granted, concurrency - held)),
      );
      const runs = Array.from({ length: count }, (_, index) => run(`r${index}`));
      const assigned = assign(
        [runs],
        seats.map((of, index) => placeOf(seat(`s${index}`, of))),
        first,
      );
      expect(new Set(assigned.map((one) => one.run.id)).size).toBe(assigned.length);
      seats.forEach((_, index) => {
        const taken = assigned.filter((one) => one.seat.agent.id === `s${index}`).length;
        expect(taken).toBeLessThanOrEqual(free[index]!);
      });
      expect(assigned.length).toBe(
        Math.min(
          count,
          free.reduce((sum, slots) => sum + slots, 0),
        ),
      );
    }),
  );
});
