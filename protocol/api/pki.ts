// Requests and answers about authorities, roles and certificates, and the files that go between a control plane and
// the machine where the key of an offline root is kept.
import { z } from 'zod';
import { idSchema, newNameSchema } from '../ids.ts';
import {
  descriptionCharactersMax,
  leafCertificateMsMax,
  leafCertificateMsMin,
  roleNamesMax,
} from '../limits.ts';
import { revisionSchema, timeSchema } from './page.ts';

export const levelSchema = z.enum(['root', 'intermediate', 'data_plane']);
export type PkiLevel = z.infer<typeof levelSchema>;

const pemSchema = z.string().max(16 * 1024);

export const authoritySchema = z.object({
  id: idSchema,
  level: levelSchema,
  /** `requested` waits for a certificate; `former` does not issue any more and is still accepted. */
  state: z.enum(['requested', 'next', 'active', 'former', 'retired']),
  name: z.string(),
  /** Name of the authority above; null for a root. */
  parent: z.string().nullable(),
  /** Whether the private key is in this control plane. A retired authority has none any more. */
  key: z.enum(['here', 'offline', 'none']),
  /** SHA-256 of the certificate (DER), hex; null while there is none. */
  fingerprint: z.string().nullable(),
  certificate: z.string().nullable(),
  /** Of a root: the certificate that its predecessor signed for it. */
  cross_certificate: z.string().nullable(),
  not_after: timeSchema.nullable(),
  /** Certificates that it issued and that are in use, and when the last of them ends. */
  live_leaves: z.int(),
  live_until: timeSchema.nullable(),
  /** Path of its revocation list at this control plane; anybody may fetch it. */
  crl_path: z.string(),
  crl_next_update: timeSchema.nullable(),
  created_at: timeSchema,
  activated_at: timeSchema.nullable(),
  retired_at: timeSchema.nullable(),
  /** What somebody should do something about, in sentences. */
  warnings: z.array(z.string()),
});
export type PkiAuthority = z.infer<typeof authoritySchema>;
export const authorityListSchema = z.object({ items: z.array(authoritySchema), next_cursor: z.null() });

export const authorityCreateSchema = z.strictObject({ level: levelSchema });

export const rotateSchema = z.strictObject({
  level: levelSchema,
  /** Asks the agents that are connected to renew, some at a time; true where nothing is said. */
  renew_agents: z.boolean().default(true),
});
export const rotationSchema = z.object({ activated: z.array(z.string()), former: z.array(z.string()) });

export const retireSchema = z.strictObject({
  /** Although certificates of it are in use: whoever holds one is refused from now on. */
  force: z.boolean().default(false),
});

/** What leaves a control plane to be signed by a root whose key is elsewhere. Not secret; compare the fingerprint. */
export const signingRequestSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    type: z.literal('wayside-pki-request'),
    /** An intermediate, or a root that is to follow the signing one. */
    kind: z.enum(['intermediate', 'root']),
    authority: idSchema,
    name: z.string().max(63),
    trust_domain: z.string().max(255),
    /** PKCS #10, PEM; signed by the authority's own key. */
    csr: pemSchema,
  }),
  z.strictObject({
    type: z.literal('wayside-pki-request'),
    /** A revocation list of the signing root. */
    kind: z.literal('list'),
    authority: idSchema,
    name: z.string().max(63),
    trust_domain: z.string().max(255),
    revoked: z
      .array(z.object({ serial: z.string().regex(/^[0-9A-Fa-f]{1,40}$/), revoked_at: timeSchema }))
      .max(1_000),
  }),
]);
export type SigningRequest = z.infer<typeof signingRequestSchema>;

/** What comes back: PEM of a certificate or of an X509 CRL. */
export const importSchema = z.strictObject({ pem: z.string().max(256 * 1024) });

/** The key of a root, encrypted to a passphrase (JWE, PBES2-HS512+A256KW; RFC 7518, section 4.8). */
export const exportedRootSchema = z.strictObject({
  type: z.literal('wayside-root'),
  authority: idSchema,
  name: z.string().max(63),
  trust_domain: z.string().max(255),
  certificate: pemSchema,
  key: z.string().max(8 * 1024),
});
export type ExportedRoot = z.infer<typeof exportedRootSchema>;

export const rootExportSchema = z.strictObject({ passphrase: z.string().min(12).max(1_024) });

/** Compact JWS by the key of the root over `offlineStatement`: proves that the exported key can be opened. */
export const offlineSchema = z.strictObject({ proof: z.string().max(4_096) });
export const offlineProofType = 'wayside-root-offline+jws';

export const rootKeyImportSchema = z.strictObject({
  exported: exportedRootSchema,
  passphrase: z.string().min(1).max(1_024),
});

export const keyTypeSchema = z.enum(['p256', 'p384', 'ed25519']);
export const usageSchema = z.enum(['server_auth', 'client_auth']);

const dnsPatternSchema = z
  .string()
  .regex(/^(\*|[a-z0-9-]{1,63})(\.(\*|[a-z0-9-]{1,63}))*$/)
  .max(253);
const uriPatternSchema = z
  .string()
  .regex(/^spiffe:\/\/(\*|[a-z0-9._-]{1,255})(\/(\*|[A-Za-z0-9._~-]{1,255}))+$/)
  .max(2_048);
const rangeSchema = z.union([z.cidrv4(), z.cidrv6(), z.ipv4(), z.ipv6()]);

export const roleNameListSchema = z.object({
  uris: z.array(uriPatternSchema).max(roleNamesMax),
  dns: z.array(dnsPatternSchema).max(roleNamesMax),
  ips: z.array(rangeSchema).max(roleNamesMax),
});

/** What a role says; the parts that are left out of a change stay as they are. */
export const roleChangeSchema = z.strictObject({
  description: z.string().max(descriptionCharactersMax).optional(),
  /** `data_plane`, or the id of one data-plane authority. */
  authority: z.union([z.literal('data_plane'), idSchema]).optional(),
  names: roleNameListSchema.partial().optional(),
  names_min: z.int().min(0).max(roleNamesMax).optional(),
  names_max: z.int().min(1).max(roleNamesMax).optional(),
  key_types: z.array(keyTypeSchema).min(1).optional(),
  usages: z.array(usageSchema).min(1).optional(),
  common_name: z
    .string()
    .regex(/^(none|any_name|fixed:[A-Za-z0-9 ._-]{1,64})$/)
    .optional(),
  ttl_ms: z.int().min(leafCertificateMsMin).max(leafCertificateMsMax).optional(),
});
export type RoleChange = z.infer<typeof roleChangeSchema>;

export const roleSchema = z.object({
  name: newNameSchema,
  description: z.string(),
  issued_by: z.enum(['enrollment', 'listener', 'request']),
  authority: z.string(),
  names: roleNameListSchema,
  names_min: z.int(),
  names_max: z.int(),
  key_types: z.array(keyTypeSchema),
  usages: z.array(usageSchema),
  common_name: z.string(),
  ttl_ms: z.int(),
  revision: revisionSchema,
});
export type PkiRole = z.infer<typeof roleSchema>;
export const roleListSchema = z.object({ items: z.array(roleSchema), next_cursor: z.null() });

export const certificateRequestSchema = z.strictObject({
  /** PKCS #10, PEM. Names and usages that it asks for are refused unless the role allows them. */
  csr: pemSchema,
  ttl_ms: z.int().min(leafCertificateMsMin).optional(),
});
export const issuedCertificateSchema = z.object({
  serial: z.string(),
  /** Leaf first, then what it is followed by; PEM. */
  chain: z.string(),
  not_after: timeSchema,
});

export const certificateRevokeSchema = z.strictObject({
  reason: z.string().max(descriptionCharactersMax).optional(),
});
