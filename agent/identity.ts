// Who this agent is: keys, certificates, trust anchor and where it connects, in one file that only its user may read.
// One file, so that a new certificate and its key take the place of the old ones in one step or not at all.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { Failure } from '../protocol/failures.ts';
import { idSchema, nameSchema, parseSpiffeUri } from '../protocol/ids.ts';
import { stringifyJson } from '../protocol/json.ts';
import type { Identity as IssuedIdentity } from '../protocol/api/enrollment.ts';
import type { FaultPoint } from './fault.ts';
import { decodeJson } from './json-bytes.ts';
import { syncFolder } from './journal.ts';

const privateJwkSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
  kid: z.string(),
});

const sealingKeySchema = z.object({ jwk: privateJwkSchema, created_at: z.int() });
export type StoredSealingKey = z.infer<typeof sealingKeySchema>;

const storedIdentitySchema = z.object({
  agent: z.object({ id: idSchema, name: nameSchema }),
  organization: idSchema,
  project: idSchema,
  groups: z.array(nameSchema),
  agent_url: z.url({ protocol: /^wss$/ }),
  /** Where it enrolled; where it recovers. */
  enroll_url: z.url({ protocol: /^https$/ }),
  generation: z.int().min(1),
  /** Leaf first, PEM. */
  certificate_chain: z.string(),
  /** The trust anchors, PEM: one, and two while a root is being replaced. */
  root: z.string(),
  /** PKCS #8, PEM. */
  key: z.string(),
  intent_keys: z.string(),
  /** Newest first; the older ones open what was sealed before a rotation. */
  sealing_keys: z.array(sealingKeySchema).min(1),
});
export type StoredIdentity = z.infer<typeof storedIdentitySchema>;

/** Keys made for a request whose answer has not come yet: asked again, they get the same certificate. */
const pendingSchema = z.object({
  purpose: z.enum(['enroll', 'renew', 'recover']),
  generation: z.int().min(0),
  key: z.string(),
  csr: z.string(),
  sealing_key: sealingKeySchema,
});
export type PendingRequest = z.infer<typeof pendingSchema>;

const identityFile = 'identity.json';
const pendingFile = 'identity.pending.json';

/** Makes the state folder, for this user alone. Throws `state_unusable`. */
export function openStateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const probe = join(folder, '.probe');
    closeSync(openSync(probe, 'w', 0o600));
    unlinkSync(probe);
  } catch (cause) {
    throw new Failure(
      'state_unusable',
      `The state folder ${folder} cannot be made or written by this user: name another with --state-dir.`,
      { cause },
    );
  }
}

/** Null where the agent has not been enrolled. Throws `state_unusable` for a file that is not what we wrote. */
export function readIdentity(folder: string): StoredIdentity | null {
  return readStored(folder, identityFile, storedIdentitySchema);
}

export function readPending(folder: string): PendingRequest | null {
  return readStored(folder, pendingFile, pendingSchema);
}

function readStored<Stored>(folder: string, file: string, schema: z.ZodType<Stored>): Stored | null {
  const path = join(folder, file);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new Failure('state_unusable', `${path} cannot be read by this user.`, { cause });
  }
  const result = schema.safeParse(decodeJson(bytes));
  if (result.success) return result.data;
  throw new Failure(
    'state_unusable',
    `${path} is damaged: restore it, or move it away and enrol this agent anew.`,
  );
}

/** The same identity with other anchors; a request that is under way goes on. */
export function rewriteIdentity(folder: string, identity: StoredIdentity): void {
  writeStored(folder, identityFile, identity);
}

/** Takes the place of the old identity in one step; the request that led to it is done. */
export function writeIdentity(folder: string, identity: StoredIdentity, faultPoint: FaultPoint): void {
  writeStored(folder, identityFile, identity);
  faultPoint('identity.written');
  try {
    unlinkSync(join(folder, pendingFile));
  } catch {
    // There was none.
  }
}

export function writePending(folder: string, pending: PendingRequest): void {
  writeStored(folder, pendingFile, pending);
}

function writeStored(folder: string, name: string, value: unknown): void {
  const path = join(folder, name);
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeSync(file, `${stringifyJson(value)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  syncFolder(folder);
}

/** True when others than its user may read the keys. */
export function isExposed(folder: string): boolean {
  try {
    return (statSync(join(folder, identityFile)).mode & 0o077) !== 0;
  } catch {
    return false;
  }
}

/** The certificates of a PEM text, in its order. */
export function readCertificates(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  return blocks.map((block) => new X509Certificate(block));
}

/** SHA-256 over the DER, 64 hexadecimal digits in lower case: the pin of a join token. */
export function certificatePin(certificate: X509Certificate): string {
  return createHash('sha256').update(certificate.raw).digest('hex');
}

/** SHA-256 of the public key (SubjectPublicKeyInfo) of its certificate: what a person compares (rules.md 33). */
export function keyFingerprint({ certificate_chain }: Pick<StoredIdentity, 'certificate_chain'>): string {
  const [leaf] = readCertificates(certificate_chain);
  if (leaf === undefined) return '';
  return createHash('sha256')
    .update(leaf.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex');
}

/**
 * Whether the chain, leaf first, leads to one of the anchors: each is signed by an anchor, where the way ends, or by
 * the next, which is an authority. A chain may go on behind an anchor, for those that know only an older root.
 */
export function isChain(chain: readonly X509Certificate[], anchors: readonly X509Certificate[]): boolean {
  for (const [index, certificate] of chain.entries()) {
    if (index > 0 && !certificate.ca) return false;
    if (anchors.some((anchor) => isIssuedBy(certificate, anchor))) return true;
    const next = chain[index + 1];
    if (next === undefined || !isIssuedBy(certificate, next)) return false;
  }
  return false;
}

/** By an authority, under its name and with its key. */
export function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/**
 * Checks what enrolment or renewal answered: the chain ends in the trusted root, the leaf is for our key, and its
 * name is the identity that the answer claims. Throws `certificate_rejected`.
 */
export function checkIssued(
  issued: IssuedIdentity,
  { key, rootPin }: { readonly key: string; readonly rootPin: string },
): void {
  const reject = (why: string): never => {
    throw new Failure(
      'certificate_rejected',
      `The certificate that the server issued was not taken: ${why}.`,
    );
  };
  const [root] = readCertificates(issued.root);
  const chain = readCertificates(issued.certificate_chain);
  const [leaf] = chain;
  if (root === undefined || leaf === undefined) return reject('it has no chain or no root');
  // An answer alone changes no trust anchor (rules.md 20): see trust-anchors.ts.
  if (certificatePin(root) !== rootPin) return reject('its root is not the one that this agent trusts');
  if (!isChain(chain, [root])) return reject('its chain does not end in the root');
  if (!leaf.checkPrivateKey(createPrivateKey(key))) return reject('it is for another key');
  const name = parseSpiffeUri((leaf.subjectAltName ?? '').replace(/^URI:/, ''));
  const fits =
    name !== null &&
    name.agent === issued.agent.id &&
    name.organization === issued.organization &&
    name.project === issued.project;
  if (!fits) return reject('its name is not the identity that came with it');
}

export interface CertificateLife {
  /** Epoch ms. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/** Of the leaf. Throws `state_unusable` where there is none. */
export function certificateLife({
  certificate_chain: chain,
}: Pick<StoredIdentity, 'certificate_chain'>): CertificateLife {
  const [leaf] = readCertificates(chain);
  if (leaf === undefined)
    throw new Failure('state_unusable', 'The identity of this agent has no certificate.');
  return { notBefore: leaf.validFromDate.getTime(), notAfter: leaf.validToDate.getTime() };
}
