// Rotations on a real store, every chain judged by openssl: by those that know the old root, the new one, or both.
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { openAuthorities } from '../../../control-plane/pki/authorities.ts';
import type { Authorities } from '../../../control-plane/pki/authorities.ts';
import { agentRole } from '../../../control-plane/pki/built-in-roles.ts';
import { changeRole, newRole } from '../../../control-plane/pki/change-role.ts';
import { certify, notAfterOf } from '../../../control-plane/pki/certify.ts';
import { draftAuthority } from '../../../control-plane/pki/draft-authority.ts';
import { findAuthority } from '../../../control-plane/pki/find-authority.ts';
import { issueAgentCertificate } from '../../../control-plane/pki/issue-leaf.ts';
import { insertLeaf, supersedeLeaves } from '../../../control-plane/pki/leaf-store.ts';
import { planRotation } from '../../../control-plane/pki/plan-rotation.ts';
import { extensionsOf, subjectOf } from '../../../control-plane/pki/profiles.ts';
import type { Level } from '../../../control-plane/pki/profiles.ts';
import { openRevocations } from '../../../control-plane/pki/publish-lists.ts';
import { listPem } from '../../../control-plane/pki/revocation-list.ts';
import { planRetirement } from '../../../control-plane/pki/retire-authority.ts';
import { x509 } from '../../../control-plane/pki/x509.ts';
import { opensslRequest, opensslVerify, splitPem } from '../../support/openssl.ts';
import { readRequestKey } from '../../../control-plane/pki/read-request.ts';
import type { Role } from '../../../control-plane/pki/roles.ts';
import { openInstallation } from './installation.ts';
import type { Installation } from './installation.ts';

const identity = {
  organization: '01890000-0000-7000-8000-000000000001',
  project: '01890000-0000-7000-8000-000000000002',
  agent: '01890000-0000-7000-8000-000000000003',
};

async function open({ store, secrets }: Installation): Promise<Authorities> {
  const opened = await openAuthorities({ store, keys: secrets.signingKeys, now: Date.now() });
  if (opened === null) throw new Error('the authorities are gone');
  return opened;
}

async function rotate(installation: Installation, level: Level): Promise<Authorities> {
  const { store, secrets } = installation;
  const deps = { store, keys: secrets.signingKeys, now: Date.now() };
  const { steps } = await planRotation(deps, await open(installation), level);
  await store.write(steps);
  return open(installation);
}

interface RetireOptions {
  readonly force?: boolean;
  readonly tokens?: number;
}

async function planned(installation: Installation, name: string, options: RetireOptions = {}) {
  const { store, secrets } = installation;
  const { force = false, tokens = 0 } = options;
  const authorities = await open(installation);
  const { steps } = await planRetirement(
    { store, keys: secrets.signingKeys, authorities, now: Date.now(), openTokens: async () => tokens },
    { authority: await findAuthority(store, name), force },
  );
  return steps;
}

async function retire(
  installation: Installation,
  name: string,
  options: RetireOptions = {},
): Promise<Authorities> {
  await installation.store.write(await planned(installation, name, options));
  return open(installation);
}

async function leafOf(authorities: Authorities, generation = 1, role: Role = agentRole) {
  const { csr } = await opensslRequest();
  const publicKey = await readRequestKey(csr);
  return issueAgentCertificate(authorities, { publicKey, identity, generation, now: Date.now(), role });
}

/** As somebody sees it who trusts `roots`; with lists of the whole chain where they are given. */
function verify(chain: string, roots: string, crl?: string) {
  const [leaf = '', ...rest] = splitPem(chain);
  return opensslVerify({
    root: roots,
    chain: rest.join(''),
    leaf,
    purpose: 'sslclient',
    ...(crl === undefined ? {} : { crl }),
  });
}

const good = expect.objectContaining({ code: 0 });

describe('a rotation', () => {
  it('of each level keeps every chain good for whoever knows the first root alone, until it is retired', async () => {
    await using installation = await openInstallation();
    const first = installation.authorities;
    const old = first.root.pem;
    const leaves = [await leafOf(first)];
    const names = (authorities: Authorities) =>
      [authorities.root, authorities.intermediate, authorities.dataPlane].map(({ name }) => name);

    const second = await rotate(installation, 'data_plane');
    expect(names(second)).toEqual(['root-1', 'intermediate-1', 'data-plane-2']);
    leaves.push(await leafOf(second));
    const third = await rotate(installation, 'intermediate');
    expect(names(third)).toEqual(['root-1', 'intermediate-2', 'data-plane-3']);
    leaves.push(await leafOf(third));
    const fourth = await rotate(installation, 'root');
    expect(names(fourth)).toEqual(['root-2', 'intermediate-3', 'data-plane-4']);
    const last = await leafOf(fourth);
    leaves.push(last);
    expect(splitPem(last.chain)).toHaveLength(4);
    expect(fourth.rootPin).toBe(first.rootPin);
    expect(fourth.anchors.map(({ name }) => name)).toEqual(['root-1', 'root-2']);

    for (const leaf of leaves) expect(await verify(leaf.chain, old)).toEqual(good);
    for (const leaf of leaves) expect(await verify(leaf.chain, fourth.trusted)).toEqual(good);
    // Who knows the new root alone takes what is below it, and nothing else.
    expect(await verify(last.chain, fourth.root.pem)).toEqual(good);
    expect((await verify(leaves[2]?.chain ?? '', fourth.root.pem)).code).not.toBe(0);
    const lists = await openRevocations({
      store: installation.store,
      pki: { authorities: () => fourth },
      clock: { now: Date.now },
    }).pem();
    for (const leaf of leaves) expect(await verify(leaf.chain, old, lists.pem)).toEqual(good);

    const alone = await retire(installation, 'root-1');
    expect(alone.all.map(({ name }) => name)).toEqual(['root-2', 'intermediate-3', 'data-plane-4']);
    expect(alone.rootPin).not.toBe(first.rootPin);
    expect(splitPem((await leafOf(alone)).chain)).toHaveLength(3);
    expect(await verify((await leafOf(alone)).chain, alone.trusted)).toEqual(good);
  });

  it('takes an authority that waits instead of making one, and only below the active one', async () => {
    await using installation = await openInstallation();
    const { store, secrets, authorities } = installation;
    const deps = { store, keys: secrets.signingKeys, now: Date.now() };
    const draft = await draftAuthority(deps, {
      level: 'data_plane',
      state: 'next',
      parent: authorities.intermediate,
    });
    await store.write(draft.steps);
    expect((await rotate(installation, 'data_plane')).dataPlane.id).toBe(draft.authority.id);
    const another = await draftAuthority(deps, {
      level: 'data_plane',
      state: 'next',
      parent: authorities.intermediate,
    });
    await store.write(another.steps);
    const rotated = await rotate(installation, 'intermediate');
    expect(rotated.dataPlane.name).toBe('data-plane-4');
    expect(rotated.dataPlane.parent).toBe(rotated.intermediate.id);
  });

  it('happens once where two ask for it at once, and never brings a third root', async () => {
    await using installation = await openInstallation();
    const { store, secrets } = installation;
    const before = await open(installation);
    const plan = () =>
      planRotation({ store, keys: secrets.signingKeys, now: Date.now() }, before, 'intermediate');
    const plans = await Promise.all([plan(), plan()]);
    const written = await Promise.allSettled(plans.map(({ steps }) => store.write(steps)));
    expect(written.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    await rotate(installation, 'root');
    await expect(rotate(installation, 'root')).rejects.toMatchObject({ code: 'in_use' });
  });
});

describe('a role that names one data-plane CA', () => {
  it('is served by it while it waits or is active, and by the active one as soon as it is former', async () => {
    await using installation = await openInstallation();
    const { store, secrets, authorities } = installation;
    const deps = { store, keys: secrets.signingKeys, now: Date.now() };
    const { intermediate: parent } = authorities;
    const draft = await draftAuthority(deps, { level: 'data_plane', state: 'next', parent });
    await store.write(draft.steps);
    const { id } = draft.authority;
    const issuer = async (known: Authorities) =>
      (await leafOf(known, 1, { ...agentRole, authority: id })).authority;
    const waiting = await open(installation);
    expect(waiting.dataPlane.id).not.toBe(id);
    expect(await issuer(waiting)).toBe(id);
    expect(await issuer(await rotate(installation, 'data_plane'))).toBe(id);
    const former = await rotate(installation, 'data_plane');
    expect(await issuer(former)).toBe(former.dataPlane.id);
    expect(() => changeRole(newRole('web'), { authority: id }, former)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
    // One that named it in time is still changed in all else.
    expect(changeRole({ ...newRole('web'), authority: id }, { ttl_ms: 60_000 }, former).ttlMs).toBe(60_000);
  });
});

describe('retiring', () => {
  it('is refused for what issues, for what is in use, and for a root that join tokens pin', async () => {
    await using installation = await openInstallation();
    const { store } = installation;
    await expect(retire(installation, 'data-plane')).rejects.toMatchObject({ code: 'conflict' });
    const leaf = await leafOf(installation.authorities);
    const row = {
      serial: leaf.serial,
      authority: leaf.authority,
      role: 'agent',
      subject: identity.agent,
      generation: 1,
      issued_to: '127.0.0.1',
      not_after: leaf.notAfter,
    };
    await store.write(insertLeaf(store, row));
    await rotate(installation, 'root');
    await expect(retire(installation, 'root-1')).rejects.toMatchObject({
      code: 'in_use',
      details: { live_leaves: 1 },
    });
    await store.write([supersedeLeaves(store, { subject: identity.agent, before: 2 })]);
    await expect(retire(installation, 'root-1', { tokens: 2 })).rejects.toMatchObject({
      code: 'in_use',
      details: { join_tokens: 2 },
    });
    // Nor where something is issued between the look and the commit.
    const steps = await planned(installation, 'data-plane-1');
    await store.write(insertLeaf(store, { ...row, serial: '02', generation: 2 }));
    await expect(store.write(steps)).rejects.toMatchObject({ guard: 'leaves_in_use' });
    await store.write([supersedeLeaves(store, { subject: identity.agent, before: 3 })]);
    await retire(installation, 'data-plane-1', { tokens: 2 });
    await retire(installation, 'root-1', { tokens: 2, force: true });
    await expect(retire(installation, 'root-1')).rejects.toMatchObject({ code: 'conflict' });
    // Nothing is issued in its name any more, by a process that has not heard of it either.
    await expect(store.write(insertLeaf(store, { ...row, serial: '01' }))).rejects.toMatchObject({
      guard: 'authority',
    });
  });

  it('destroys the key and puts the authority on the list of the one above it', async () => {
    await using installation = await openInstallation();
    const { store, secrets } = installation;
    const leaf = await leafOf(installation.authorities);
    await rotate(installation, 'data_plane');
    const { kid, id } = installation.authorities.dataPlane;
    const after = await retire(installation, 'data-plane-1');
    expect(await secrets.signingKeys.open(kid)).toBeNull();
    const revocations = openRevocations({
      store,
      pki: { authorities: () => after },
      clock: { now: Date.now },
    });
    const { pem } = await revocations.pem();
    const own = await revocations.of(id);
    expect(own?.nextUpdate).toBe(notAfterOf(installation.authorities.dataPlane.certificate));
    const all = pem + listPem(own?.der ?? Buffer.alloc(0));
    const refused = await verify(leaf.chain, after.trusted, all);
    expect(refused.stderr).toContain('certificate revoked');
    expect(await verify((await leafOf(after)).chain, after.trusted, all)).toEqual(good);
  });
});

describe('openssl, in strict mode', () => {
  it('refuses what goes beyond a level: another trust domain, an authority below the data plane, a longer path', async () => {
    await using installation = await openInstallation();
    const { authorities } = installation;
    const { trustDomain } = authorities;
    const { csr } = await opensslRequest();
    const publicKey = await readRequestKey(csr);
    const now = Date.now();
    const client = [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
    ];
    const uri = (domain: string) =>
      new x509.SubjectAlternativeNameExtension([{ type: 'url', value: `spiffe://${domain}/a` }]);
    const leaf = (issuer: Parameters<typeof certify>[0]['issuer'], extensions: x509.Extension[]) =>
      certify({ issuer, subject: [{ CN: ['a'] }], publicKey, now, lifeMs: 60_000, extensions });
    const { dataPlane, intermediate, root, chain } = authorities;
    const check = (pem: string, tail: string) => verify(pem + tail, root.pem);

    expect(await check(await leaf(dataPlane, [...client, uri(trustDomain)]), chain)).toEqual(good);
    const foreign = await check(await leaf(dataPlane, [...client, uri('other.wayside')]), chain);
    expect(foreign.stderr).toContain('permitted subtree violation');

    const below = async (issuer: typeof dataPlane, pathLength: number) => {
      const signer = await installation.secrets.signingKeys.draft('ca_data_plane');
      const pem = await certify({
        issuer,
        subject: subjectOf('data_plane', { name: `data-plane-${pathLength + 8}`, trustDomain }),
        publicKey: signer.publicKey,
        now,
        lifeMs: 60_000,
        extensions: extensionsOf('intermediate', { trustDomain, pathLength }),
      });
      return { certificate: new X509Certificate(pem), pem, ...signer };
    };
    const rogue = await below(dataPlane, 0);
    const tooLong = await check(await leaf(rogue, [...client, uri(trustDomain)]), rogue.pem + chain);
    expect(tooLong.stderr).toContain('path length constraint exceeded');
    const deep = await below(intermediate, 1);
    const deeper = await below({ ...dataPlane, ...deep }, 0);
    const twice = await check(
      await leaf(deeper, [...client, uri(trustDomain)]),
      deeper.pem + deep.pem + intermediate.pem,
    );
    expect(twice.stderr).toContain('path length constraint exceeded');

    const server = new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]);
    const purpose = await check(
      await leaf(dataPlane, [...client.slice(0, 2), server, uri(trustDomain)]),
      chain,
    );
    expect(purpose.stderr).toMatch(/unsuitable certificate purpose|unsupported certificate purpose/);
    const byLeaf = await leaf(dataPlane, [...client, uri(trustDomain)]);
    const asAuthority = { ...rogue, certificate: new X509Certificate(byLeaf), publicKey };
    const fromLeaf = await check(await leaf(asAuthority, [...client, uri(trustDomain)]), byLeaf + chain);
    expect(fromLeaf.code).not.toBe(0);
  });
});
