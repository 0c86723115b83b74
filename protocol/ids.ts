// Identifiers, names and SPIFFE identities: how they are written and how they are checked.
import { z } from 'zod';

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** UUIDv7 in lower case (RFC 9562, section 5.7). */
export const idSchema = z.string().regex(idPattern);

/** A name that a person gives: unique in its project, usable in URLs, files and certificates. */
export const nameSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/,
    'a name has 1 to 63 letters, digits or . _ : - and begins with a letter or digit',
  );

/** A name for something new: none that looks like an id, so that a reference means one thing. */
export const newNameSchema = nameSchema.refine((name) => !isId(name), 'a name must not look like an id');

/** What a path accepts: an id or a name. */
export const referenceSchema = z.string().min(1).max(63);

/** Stands for the caller where a path takes a principal. */
export const selfReference = 'self';

export function isId(text: string): boolean {
  return idPattern.test(text);
}

/** Prefixes of bearer tokens, so that a leaked one is recognised by scanners. */
export const tokenPrefixes = {
  personal: 'wsp_',
  join: 'wsj_',
  access: 'wsa_',
  refresh: 'wsf_',
  client: 'wsc_',
  run: 'wsr_',
} as const;

/** The token of one attempt of a run: its prefix and 32 random bytes, each half in base64url. */
export const runTokenSchema = z.string().regex(/^wsr_[A-Za-z0-9_-]{44}$/);

export interface SpiffeIdentity {
  readonly trustDomain: string;
  readonly organization: string;
  readonly project: string;
  readonly agent: string;
}

/** `spiffe://<trust-domain>/org/<o>/project/<p>/agent/<id>` (SPIFFE-ID, section 2). */
export function spiffeUri(identity: SpiffeIdentity): string {
  const { trustDomain, organization, project, agent } = identity;
  return `spiffe://${trustDomain}/org/${organization}/project/${project}/agent/${agent}`;
}

const spiffePattern =
  /^spiffe:\/\/([a-z0-9._-]{1,255})\/org\/([0-9a-f-]{36})\/project\/([0-9a-f-]{36})\/agent\/([0-9a-f-]{36})$/;

/** Null for anything that is not the identity of an agent. */
export function parseSpiffeUri(uri: string): SpiffeIdentity | null {
  const match = spiffePattern.exec(uri);
  if (match === null) return null;
  const [, trustDomain = '', organization = '', project = '', agent = ''] = match;
  return { trustDomain, organization, project, agent };
}

/** No id that was made at that moment or later is less: UUIDv7 begin with their time (RFC 9562, section 5.7). */
export function idBefore(epochMs: number): string {
  const hex = Math.max(0, Math.floor(epochMs)).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}
