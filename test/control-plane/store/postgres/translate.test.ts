import { describe, expect, it } from 'vitest';
import { postgresDdl } from '../../../../control-plane/store/postgres/translate.ts';

describe('a migration on PostgreSQL', () => {
  it('compares text byte by byte, and leaves everything else as it is', () => {
    expect(
      postgresDdl(`create table a (
  id text primary key,
  note text, count integer not null default 0 check (note <> 'a text of ours')
) strict`),
    ).toBe(`create table a (
  id text collate "C" primary key,
  note text collate "C", count bigint not null default 0 check (note <> 'a text of ours')
)`);
    expect(postgresDdl('alter table a add column more text')).toBe(
      'alter table a add column more text collate "C"',
    );
    expect(postgresDdl('update a set n = cast(id as text)')).toBe('update a set n = cast(id as text)');
  });

  it('refuses what PostgreSQL does not have', () => {
    for (const statement of [
      'create table a (id integer primary key autoincrement)',
      `update a set b = json_extract(c, '$.d')`,
      `update a set b = unixepoch('subsec')`,
    ]) {
      expect(() => postgresDdl(statement)).toThrow('does not have');
    }
  });
});
