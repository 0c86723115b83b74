import { expect, it } from 'vitest';
import { readTopic, topicOf } from '../../../control-plane/store/hints.ts';

it('reads the topics that it writes, and passes over those of a newer program', () => {
  expect(readTopic(topicOf('queued', 'g'))).toEqual({ kind: 'queued', id: 'g' });
  expect(readTopic(topicOf('authorities', ''))).toEqual({ kind: 'authorities', id: '' });
  expect(readTopic('tomorrow x')).toBeNull();
  expect(readTopic('queued')).toBeNull();
});
