import { expect, test } from 'vitest';
import {
  actionUpdateSchema,
  groupUpdateSchema,
  scheduleUpdateSchema,
} from '../../../protocol/api/operations.ts';

test('a change names only what it changes: no default of creation comes with it', () => {
  for (const schema of [groupUpdateSchema, actionUpdateSchema, scheduleUpdateSchema]) {
    expect(schema.parse({})).toEqual({});
    expect(schema.safeParse({ name: 'another' }).success).toBe(false);
  }
  expect(scheduleUpdateSchema.parse({ enabled: false })).toEqual({ enabled: false });
});
