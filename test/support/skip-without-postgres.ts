// Skips every test of a file where PostgreSQL is asked for and there is none; the setup has said loudly why.
import { beforeEach } from 'vitest';
import { serverUrl } from './engine.ts';

beforeEach(({ skip }) => {
  skip(serverUrl() === null, 'there is no PostgreSQL');
});
