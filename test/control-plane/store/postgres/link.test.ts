// The connection itself, over real TLS.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { openLink } from '../../../../control-plane/store/postgres/link.ts';
import { refusalOf } from '../../../../control-plane/store/postgres/line.ts';
import { parseDatabaseUrl } from '../../../../control-plane/store/postgres/settings.ts';
import { openAuthority } from '../../../support/openssl.ts';
import { startPostgres } from '../../../support/postgres-server.ts';
import { temporaryFolder } from '../temporary.ts';
import { isMissing } from './database.ts';

it.skipIf(isMissing)(
  'is encrypted to the server that its authority vouches for, and to no other',
  async () => {
    await using authority = await openAuthority();
    await using stranger = await openAuthority();
    const { key, cert } = await authority.issue({
      extensions: ['extendedKeyUsage=serverAuth', 'subjectAltName=DNS:localhost'],
    });
    const server = await startPostgres(
      { ssl: 'on', ssl_cert_file: '../server.crt', ssl_key_file: '../server.key' },
      { 'server.crt': cert + authority.chain, 'server.key': key },
    );
    if ('reasons' in server) throw new Error(server.reasons.join('\n'));
    onTestFinished(() => server.close());
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'ours.pem'), authority.root);
    writeFileSync(join(folder, 'theirs.pem'), stranger.root);

    /** Whether the session is encrypted, or the code of the refusal. */
    const connect = async (host: string, query: string) => {
      const settings = parseDatabaseUrl(`postgres://wayside@${host}:${server.port}/postgres?${query}`);
      const [first] = settings.hosts;
      if (first === undefined) throw new Error('a host was given');
      try {
        const link = await openLink({ settings, host: first, purpose: 'read', movesTime: false });
        const { rows } = await link.send('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
        await link.close();
        return rows[0]?.['ssl'];
      } catch (cause) {
        return refusalOf(cause).code;
      }
    };
    expect(await connect('localhost', `sslmode=verify-full&sslrootcert=${folder}/ours.pem`)).toBe(1);
    expect(await connect('localhost', 'sslmode=require')).toBe(1);
    expect(await connect('127.0.0.1', `sslmode=verify-ca&sslrootcert=${folder}/ours.pem`)).toBe(1);
    expect(await connect('localhost', 'sslmode=disable')).toBe(0);
    // Another name, another authority, and nobody who is known.
    const refused = 'invalid_configuration';
    expect(await connect('127.0.0.1', `sslmode=verify-full&sslrootcert=${folder}/ours.pem`)).toBe(refused);
    expect(await connect('localhost', `sslmode=verify-full&sslrootcert=${folder}/theirs.pem`)).toBe(refused);
    expect(await connect('localhost', `sslmode=require&sslrootcert=${folder}/theirs.pem`)).toBe(refused);
    expect(await connect('localhost', 'sslmode=verify-full')).toBe(refused);
  },
);
