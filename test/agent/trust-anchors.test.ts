// Which roots an agent takes: made by openssl, so that nothing of the control plane's code vouches for itself.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isChain, readCertificates } from '../../agent/identity.ts';
import { nextAnchors } from '../../agent/trust-anchors.ts';
import { openFolder } from '../support/folder.ts';
import type { Folder } from '../support/folder.ts';

let folder: Folder;
/** Certificates by openssl begin with the second in which they were made. */
const now = Date.now() + 60_000;
const run = (...args: string[]): void => {
  execFileSync('openssl', args, { cwd: folder.path, stdio: 'pipe' });
};
const read = (name: string): string => readFileSync(join(folder.path, name), 'utf8');

function newRoot(name: string, subject: string, days = '30'): void {
  run('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', `${name}.key`);
  run('req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`);
  run(
    ...['x509', '-req', '-in', `${name}.csr`, '-signkey', `${name}.key`, '-days', days],
    ...['-extfile', 'ca.cnf', '-out', `${name}.pem`],
  );
}

/** A certificate for the key and name of `subject` by `issuer`. */
function crossSign(subject: string, issuer: string, out: string, extensions = 'ca.cnf'): string {
  run(
    ...['x509', '-req', '-in', `${subject}.csr`, '-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`],
    ...['-CAcreateserial', '-days', '20', '-extfile', extensions, '-out', out],
  );
  return read(out);
}

beforeAll(() => {
  folder = openFolder();
  writeFileSync(
    join(folder.path, 'ca.cnf'),
    'basicConstraints=critical,CA:true\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n',
  );
  writeFileSync(join(folder.path, 'leaf.cnf'), 'basicConstraints=critical,CA:false\n');
  newRoot('one', '/CN=Root 1');
  newRoot('two', '/CN=Root 2');
  newRoot('three', '/CN=Root 3');
  newRoot('twin', '/CN=Root 2');
});
afterAll(() => {
  folder[Symbol.dispose]();
});

const pins = (pem: string | null): readonly string[] =>
  pem === null ? [] : readCertificates(pem).map(({ fingerprint256 }) => fingerprint256);
const pinOf = (name: string): string => new X509Certificate(read(`${name}.pem`)).fingerprint256;

describe('the roots that an agent trusts', () => {
  it('grow by one that a trusted root has signed, and shrink to it', () => {
    const cross = crossSign('two', 'one', 'two-by-one.pem');
    const offered = [
      { root: read('one.pem'), cross: null },
      { root: read('two.pem'), cross },
    ];
    const both = nextAnchors(read('one.pem'), offered, now);
    expect(pins(both)).toEqual([pinOf('one'), pinOf('two')]);
    const alone = nextAnchors(both ?? '', [{ root: read('two.pem'), cross }], now);
    expect(pins(alone)).toEqual([pinOf('two')]);
    // Who was away for all of the overlap still learns the new root by the signature of the old one.
    expect(pins(nextAnchors(read('one.pem'), [{ root: read('two.pem'), cross }], now))).toEqual([
      pinOf('two'),
    ]);
    // And the old one does not come back.
    expect(nextAnchors(alone ?? '', [{ root: read('one.pem'), cross: null }], now)).toBeNull();
  });

  it('never change for a root that nothing trusted vouches for', () => {
    const held = read('one.pem');
    const stays = (root: string, cross: string | null): void => {
      expect(
        nextAnchors(
          held,
          [
            { root: held, cross: null },
            { root, cross },
          ],
          now,
        ),
      ).toBeNull();
      expect(nextAnchors(held, [{ root, cross }], now)).toBeNull();
    };
    const two = read('two.pem');
    stays(two, null);
    stays(two, two);
    stays(two, crossSign('two', 'three', 'two-by-three.pem'));
    // A cross certificate for another key of the same name, for another name, and one that is no authority's.
    stays(two, crossSign('twin', 'one', 'twin-by-one.pem'));
    stays(two, crossSign('three', 'one', 'three-by-one.pem'));
    stays(two, crossSign('two', 'one', 'leaf.pem', 'leaf.cnf'));
    // An intermediate is no root, whoever signed it.
    const intermediate = crossSign('two', 'one', 'below.pem');
    stays(intermediate, intermediate);
    stays('no certificate', null);
    expect(nextAnchors(held, [], now)).toBeNull();
  });

  it('do not change in time for what has ended', () => {
    const cross = crossSign('two', 'one', 'two-by-one-again.pem');
    const late = now + 25 * 86_400_000;
    expect(nextAnchors(read('one.pem'), [{ root: read('two.pem'), cross }], late)).toBeNull();
  });
});

describe('a chain', () => {
  it('leads to whichever anchor comes first, and may go on behind it', () => {
    const cross = new X509Certificate(crossSign('two', 'one', 'for-chain.pem'));
    const below = new X509Certificate(crossSign('three', 'two', 'three-below-two.pem'));
    const [one, two, twin] = ['one', 'two', 'twin'].map((name) => new X509Certificate(read(`${name}.pem`)));
    if (one === undefined || two === undefined || twin === undefined) throw new Error('there are three');
    expect(isChain([below, cross], [one])).toBe(true);
    expect(isChain([below, cross], [two])).toBe(true);
    expect(isChain([below], [one])).toBe(false);
    expect(isChain([below], [twin])).toBe(false);
    expect(isChain([], [one])).toBe(false);
  });
});
