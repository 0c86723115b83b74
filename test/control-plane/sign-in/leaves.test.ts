// The pure leaves of sign-in: text that becomes HTML, origins and paths, cookies, passwords, codes, claims.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cookieName, readCookie } from '../../../control-plane/sign-in/cookies.ts';
import { openPasswordHasher } from '../../../control-plane/sign-in/hash-password.ts';
import { escapeHtml, html } from '../../../control-plane/sign-in/html.ts';
import {
  hashTypedRecoveryCode,
  newRecoveryCode,
  newSecret,
} from '../../../control-plane/sign-in/one-time-secret.ts';
import { comesFromUs, ownPath, publicOriginsOf } from '../../../control-plane/sign-in/origins.ts';
import { refusePassword } from '../../../control-plane/sign-in/password-policy.ts';
import { isAllowed, labelFrom, nameFrom, teamsFrom } from '../../../control-plane/sign-in/provider-claims.ts';
import { passwordHashesMax, passwordHashesWaitingMax } from '../../../protocol/limits-authority.ts';
import { nameSchema } from '../../../protocol/ids.ts';

describe('a template', () => {
  test('shows whatever is put into it as text, in elements and in quoted attributes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const { text: page } = html`<p title="${text}">${text}</p>`;
        const [, attribute = '', content = ''] = /^<p title="([^"<>]*)">([^<>]*)<\/p>$/su.exec(page) ?? [];
        const unescape = (escaped: string): string =>
          escaped
            .replaceAll('&lt;', '<')
            .replaceAll('&gt;', '>')
            .replaceAll('&quot;', '"')
            .replaceAll('&#39;', "'")
            .replaceAll('&#96;', '`')
            .replaceAll('&amp;', '&');
        expect([unescape(attribute), unescape(content)]).toEqual([text, text]);
        expect(escapeHtml(text)).not.toMatch(/[<>"'`]/);
      }),
    );
  });

  test('takes pieces of templates as they are, lists of them, and nothing for null', () => {
    const items = ['a&', 'b'].map((each) => html`<li>${each}</li>`);
    expect(html`${items}${null}${3}`.text).toBe('<li>a&amp;</li><li>b</li>3');
  });
});

describe('where we are', () => {
  test('is what is configured, and only that', () => {
    const at = publicOriginsOf({ publicUrl: 'https://w.example', listening: 'http://127.0.0.1:1' });
    expect(at).toEqual({
      canonical: 'https://w.example',
      all: ['https://w.example'],
      secure: true,
      rpId: 'w.example',
    });
  });

  test('is every name of this machine for a listener on loopback, and links lead where passkeys work', () => {
    const at = publicOriginsOf({ publicUrl: null, listening: 'http://127.0.0.1:7400' });
    expect(at).toEqual({
      canonical: 'http://localhost:7400',
      all: ['http://localhost:7400', 'http://127.0.0.1:7400', 'http://[::1]:7400'],
      secure: false,
      rpId: 'localhost',
    });
    expect(publicOriginsOf({ publicUrl: null, listening: 'http://[::1]:80' }).canonical).toBe(
      'http://localhost',
    );
    expect(publicOriginsOf({ publicUrl: 'https://192.0.2.1', listening: '' }).rpId).toBeNull();
  });

  test('is not told by a page of somebody else', () => {
    const origins = publicOriginsOf({ publicUrl: 'https://w.example', listening: '' });
    const us = (method: string, origin?: string, fetchSite?: string) =>
      comesFromUs(origins, { method, origin, fetchSite });
    expect([us('GET'), us('HEAD'), us('OPTIONS'), us('POST'), us('PUT'), us('DELETE'), us('TRACE')]).toEqual([
      ...[true, true, true],
      ...[false, false, false, false],
    ]);
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), fc.constantFrom('GET', 'POST'), (origin, method) => {
        fc.pre(origin !== 'https://w.example');
        expect(us(method, origin)).toBe(false);
      }),
    );
    expect([
      us('POST', 'https://w.example', 'cross-site'),
      us('POST', 'https://w.example', 'same-origin'),
    ]).toEqual([false, true]);
  });

  test('a path to go on to never leaves us', () => {
    const piece = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      ':',
      '@',
      '//',
      'evil.example',
      'https:',
      '\t',
      '\n',
      '%2f',
      '?',
      '#',
      'a',
      '\u0000',
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('')),
        (text) => {
          const path = ownPath(text, '/account');
          expect(new URL(path, 'https://w.example').origin).toBe('https://w.example');
          expect(path).toMatch(/^\/(?![/\\])/);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('a cookie is heard under its name alone, which is another one without TLS', () => {
  expect([cookieName('session', true), cookieName('session', false)]).toEqual([
    '__Host-wayside',
    'wayside-loopback',
  ]);
  const { secret } = newSecret();
  expect(readCookie(`a=b; __Host-wayside=${secret}; c=d`, 'session', true)).toBe(secret);
  expect(readCookie(`__Host-wayside=${secret}`, 'session', false)).toBeNull();
  expect(readCookie(`x__Host-wayside=${secret}`, 'session', true)).toBeNull();
  expect(readCookie(undefined, 'session', true)).toBeNull();
  fc.assert(fc.property(fc.string(), (header) => readCookie(header, 'device', true) === null));
});

describe('a password', () => {
  const cheap = { memoryKibibytes: 8, passes: 1, lanes: 1 };

  test('is good where it is the same, and the hash says what it cost', async () => {
    const hasher = openPasswordHasher(cheap);
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), async (one, two) => {
        const hash = await hasher.hash(one);
        expect(hash).toMatch(/^\$argon2id\$v=19\$m=8,t=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
        expect(await hasher.verify(one, hash)).toBe(true);
        expect(await hasher.verify(two, hash)).toBe(one.normalize('NFKC') === two.normalize('NFKC'));
        expect(await hasher.verify(one, null)).toBe(false);
      }),
      { numRuns: 20 },
    );
    const hash = await hasher.hash('x');
    expect(hasher.isOutdated(hash)).toBe(false);
    expect(openPasswordHasher().isOutdated(hash)).toBe(true);
    await expect(hasher.verify('x', '$2b$10$nonsense')).rejects.toThrow('PHC');
  });

  test('waits for its turn, and is told where too many wait', async () => {
    const hasher = openPasswordHasher(cheap);
    const many = passwordHashesMax + passwordHashesWaitingMax + 3;
    const all = await Promise.allSettled(Array.from({ length: many }, () => hasher.verify('x', null)));
    const refused = all.filter((each) => each.status === 'rejected');
    expect(refused).toHaveLength(3);
    expect(refused[0]).toMatchObject({ reason: { code: 'unavailable' } });
    expect(await hasher.verify('x', null)).toBe(false);
  });

  test.each([
    ['a horse in the staircase', true],
    ['kurz und gut, aber lang', true],
    ['пароль длинный', true],
    ['8405 1937 2261', true],
    ['wayside by the sea in winter', true],
    ['ＡＢＣＤefghijkl1', true],
    ['elevenchars', false],
    ['ﬁﬁﬁﬁﬁ', false],
    ['password1234', false],
    ['PASSWORD1234', false],
    ['correct horse battery staple', false],
    ['aaaaaaaaaaaaaaaa', false],
    ['abcabcabcabcabc', false],
    ['23456789:;<=>', false],
    ['zyxwvutsrqponm', false],
    ['wayside-2026!', false],
    ['margaret-1990', false],
    ['x'.repeat(400), false],
  ])('%s is taken: %s', (password, taken) => {
    expect(refusePassword(password, { name: 'margaret' }) === null).toBe(taken);
  });
});

test('a recovery code is read however it is typed, and is never the same', () => {
  const codes = Array.from({ length: 200 }, newRecoveryCode);
  expect(new Set(codes.map(({ secret }) => secret)).size).toBe(200);
  for (const { secret, hash } of codes) {
    expect(secret).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}$/);
    const typed = ` ${secret.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}`;
    expect([hashTypedRecoveryCode(secret), hashTypedRecoveryCode(typed)]).toEqual([hash, hash]);
  }
  for (const nothing of [
    '',
    '123456',
    'AAAAA-AAAAA-AAAAA-AAAA',
    'UUUUU-AAAAA-AAAAA-AAAAA',
    `${codes[0]?.secret}0`,
  ]) {
    expect(hashTypedRecoveryCode(nothing)).toBeNull();
  }
});

describe('the claims of a provider', () => {
  test('make a name that is one, or none, whatever they are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.emailAddress(), fc.anything()), (value) => {
        const name = nameFrom({ email: value }, 'email');
        if (name !== null) expect(nameSchema.parse(name)).toBe(name);
      }),
    );
    const of = (email: unknown) => nameFrom({ email }, 'email');
    expect([
      of('ada@example.com'),
      of('Ada Löve'),
      of('zoë'),
      of('@x'),
      of('self'),
      of(7),
      nameFrom({}, 'x'),
    ]).toEqual([...['ada', 'Ada-Love', 'zoe'], ...[null, null, null, null]]);
  });

  test('let in the verified addresses of the domains, and everybody where there are none', () => {
    const claims = (email: unknown, email_verified: unknown) => ({ email, email_verified });
    const may = (email: unknown, verified: unknown = true) =>
      isAllowed(claims(email, verified), ['example.com']);
    expect([may('a@example.com'), may('a@EXAMPLE.com')]).toEqual([true, true]);
    for (const email of [
      'a@evil.com',
      'a@example.com.evil.com',
      'example.com',
      '@example.com',
      'a@sub.example.com',
      7,
    ]) {
      expect(may(email), String(email)).toBe(false);
    }
    expect([may('a@example.com', false), may('a@example.com', 'true'), isAllowed({}, [])]).toEqual([
      false,
      false,
      true,
    ]);
  });

  test('stand for the teams of the mapping, and for no names of JavaScript', () => {
    const row = { teams_claim: 'groups', teams: '{"sre":"operators","dev":"readers","ops":"operators"}' };
    const of = (groups: unknown) => teamsFrom({ groups }, row);
    expect(of(['sre', 'ops', 'other', 7, '__proto__', 'constructor'])).toEqual(['operators']);
    expect([of('dev'), of(undefined), of(null), of({})]).toEqual([['readers'], [], [], []]);
    expect(teamsFrom({ groups: ['sre'] }, { ...row, teams_claim: null })).toBeNull();
    expect(labelFrom({ sub: 'x', email: 'a@b' })).toBe('a@b');
  });
});
