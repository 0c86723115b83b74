import { expect, it } from 'vitest';
import { warningsOf } from '../../../../control-plane/store/postgres/check-durability.ts';

const sound = { fsync: 'on', fullPageWrites: 'on', synchronous: '', standbys: 0 };

it('warns of what could lose an acknowledged write, and of nothing else', () => {
  expect(warningsOf(sound)).toEqual([]);
  expect(warningsOf({ ...sound, standbys: 2, synchronous: 'ANY 1 (*)' })).toEqual([]);
  expect(warningsOf({ ...sound, standbys: 2 })).toEqual([
    expect.stringContaining('synchronous_standby_names') as string,
  ]);
  expect(warningsOf({ ...sound, fsync: 'off' })).toEqual([expect.stringContaining('fsync') as string]);
});
