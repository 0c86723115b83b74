import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { parseDatabaseUrl, placeOf } from '../../../../control-plane/store/postgres/settings.ts';
import { temporaryFolder } from '../temporary.ts';

describe('a database URL', () => {
  it('names user, password, hosts in their order, database and connections', () => {
    const settings = parseDatabaseUrl(
      'postgresql://way%40side:p%3Aw%2F@db1.internal:6432,db2.internal,[::1]/inst?sslmode=disable&connections=20',
    );
    expect(settings).toMatchObject({
      user: 'way@side',
      password: 'p:w/',
      hosts: [
        { host: 'db1.internal', port: 6432 },
        { host: 'db2.internal', port: 5432 },
        { host: '::1', port: 5432 },
      ],
      database: 'inst',
      connections: 20,
      tls: null,
    });
    expect(placeOf(settings)).toBe('PostgreSQL db1.internal:6432,db2.internal:5432,::1:5432/inst');
  });

  it('takes the password from elsewhere only where it has none', () => {
    expect(parseDatabaseUrl('postgres://a@localhost/b', 'other').password).toBe('other');
    expect(parseDatabaseUrl('postgres://a:own@localhost/b', 'other').password).toBe('own');
    expect(parseDatabaseUrl('postgres://localhost').user).toBeNull();
  });

  it('may name the folder of a socket', () => {
    const { hosts, tls } = parseDatabaseUrl('postgres://wayside@/inst?host=/var/run/postgresql');
    expect(hosts).toEqual([{ host: '/var/run/postgresql', port: 5432 }]);
    expect(tls).toBeNull();
  });

  it('is in the clear to this machine only, and checked to everywhere else', () => {
    expect(parseDatabaseUrl('postgres://localhost,127.0.0.1/b').tls).toBeNull();
    expect(parseDatabaseUrl('postgres://localhost,db/b').tls).toEqual({});
    expect(parseDatabaseUrl('postgres://db/b?sslmode=require').tls).toEqual({ rejectUnauthorized: false });
    expect(parseDatabaseUrl('postgres://db/b?sslmode=verify-full&sslrootcert=system').tls).toEqual({});
  });

  it('reads the certificates that it names', () => {
    const folder = temporaryFolder();
    for (const name of ['ca', 'cert', 'key']) writeFileSync(join(folder, name), name);
    const query = `sslrootcert=${folder}/ca&sslcert=${folder}/cert&sslkey=${folder}/key`;
    expect(parseDatabaseUrl(`postgres://db/b?${query}`).tls).toEqual({ ca: 'ca', cert: 'cert', key: 'key' });
    expect(parseDatabaseUrl(`postgres://db/b?sslmode=require&${query}`).tls).not.toHaveProperty(
      'rejectUnauthorized',
    );
  });

  test.each([
    ['mysql://db/b', 'write postgres://'],
    ['postgres:///b', 'no host'],
    ['postgres://db:99999/b', 'port'],
    ['postgres://db:x/b', 'port'],
    ['postgres://db,,/b', 'host'],
    ['postgres://%zz@db/b', 'percent-encode'],
    ['postgres://db/b?sslmode=prefer', 'clear text'],
    ['postgres://db/b?ssl=true', 'no parameter ssl'],
    ['postgres://db/b?connections=1', 'from 3'],
    ['postgres://db/b?sslrootcert=/none', 'cannot be read'],
    ['postgres://secret:secret@db/b?sslmode=never', 'sslmode'],
  ])('%s is refused with what to write instead, and never repeated', (text, words) => {
    try {
      parseDatabaseUrl(text);
      expect.unreachable();
    } catch (cause) {
      expect(cause).toMatchObject({ code: 'invalid_configuration' });
      expect((cause as Error).message).toContain(words);
      expect((cause as Error).message).not.toContain('secret');
    }
  });
});
