import { expect, it } from 'vitest';
import { openRunBus } from '../../../control-plane/runs/bus.ts';
import { watchInterestMs } from '../../../protocol/limits.ts';

function open() {
  const told: string[] = [];
  const asked: string[] = [];
  const time = { now: 0 };
  const bus = openRunBus({
    now: () => time.now,
    tell: (run) => told.push(run),
    ask: (run) => asked.push(run),
  });
  return { bus, told, asked, time };
}

it('tells other processes only of runs that they asked about, and only for a while', () => {
  const { bus, told, time } = open();
  bus.publish('a', []);
  expect(told).toEqual([]);
  bus.interested('a');
  bus.publish('a', []);
  bus.publish('b', []);
  expect(told).toEqual(['a']);
  time.now = watchInterestMs;
  bus.publish('a', []);
  expect(told).toEqual(['a']);
});

it('asks others when the first watcher of a run comes, and passes on that there is something to read', () => {
  const { bus, told, asked } = open();
  const heard: number[] = [];
  const end = bus.subscribe('a', (events) => heard.push(events.length));
  bus.subscribe('a', () => undefined);
  expect(asked).toEqual(['a']);
  bus.look('a');
  expect(heard).toEqual([0]);
  expect(told).toEqual([]);
  expect(bus.watched()).toEqual(['a']);
  end();
  bus.look('a');
  expect(heard).toEqual([0]);
});
