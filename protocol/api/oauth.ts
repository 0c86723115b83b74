// Requests and answers about who may ask for tokens: credentials of services, applications of others, federated
// issuers, and the keys that sign tokens. The protocol itself (RFC 6749 and its family) is not described here.
import { z } from 'zod';
import { conditionCharactersMax, deviceCodeMs } from '../limits-authority.ts';
import { idSchema, newNameSchema, nameSchema, referenceSchema } from '../ids.ts';
import { permissions } from '../permissions.ts';
import { pageOf, timeSchema } from './page.ts';

const permissionsSchema = z.array(z.enum(permissions)).min(1).max(permissions.length);
const uriSchema = z
  .url()
  .max(500)
  .refine((text) => !/[\s#]/.test(text), 'an identifier has no spaces and no fragment (RFC 8707, section 2)');

/** A public key (RFC 7517); members of a private one are refused. */
const publicKeySchema = z
  .looseObject({
    kty: z.enum(['EC', 'RSA', 'OKP']),
    kid: z.string().max(200).optional(),
    alg: z.string().max(20).optional(),
  })
  .refine(
    (jwk) => ['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].every((member) => !Object.hasOwn(jwk, member)),
    'this is a private key; send the public half, and keep this one to yourself',
  );

export const credentialCreateSchema = z.strictObject({
  name: newNameSchema,
  /** Public keys of the service; without them it gets a secret. */
  keys: z.array(publicKeySchema).min(1).max(5).optional(),
  /** Ceiling of permissions; without it what the service may do. */
  permissions: permissionsSchema.optional(),
  /** Identifiers of resources that the service itself serves: tokens for them may be asked for, and it may introspect them. */
  audiences: z.array(uriSchema).max(10).optional(),
  /** True: its tokens are bound to a key (RFC 9449) and worth nothing without it. */
  bound: z.boolean().optional(),
  expires_in_ms: z.int().min(60_000).optional(),
});
export const credentialSchema = z.object({
  /** Also the `client_id`. */
  id: idSchema,
  name: nameSchema,
  principal: idSchema,
  kind: z.enum(['secret', 'public_key']),
  permissions: z.array(z.string()).nullable(),
  audiences: z.array(z.string()),
  bound: z.boolean(),
  created_at: timeSchema,
  expires_at: timeSchema.nullable(),
  revoked_at: timeSchema.nullable(),
});
/** `client_secret` is shown once; null where the service has keys. */
export const credentialCreatedSchema = credentialSchema.extend({ client_secret: z.string().nullable() });
/** Never more than one page. */
export const credentialPageSchema = pageOf(credentialSchema);

/** Where the browser is sent back to: https, or a port of its own machine (RFC 8252). */
const redirectSchema = z
  .url()
  .max(500)
  .refine(
    (text) => /^(https:\/\/|http:\/\/(127\.0\.0\.1|localhost|\[::1\])[:/])/.test(text) && !text.includes('#'),
    'it is https://…, or http:// on the loopback address, and has no fragment',
  );
export const clientCreateSchema = z.strictObject({
  name: newNameSchema,
  redirect_uris: z.array(redirectSchema).min(1).max(10),
  /** True where it cannot keep a secret: an application on somebody's machine. */
  public: z.boolean().optional(),
});
export const clientSchema = z.object({
  /** Also the `client_id`. */
  id: idSchema,
  name: nameSchema,
  redirect_uris: z.array(z.string()),
  public: z.boolean(),
  created_at: timeSchema,
});
export const clientCreatedSchema = clientSchema.extend({ client_secret: z.string().nullable() });
export const clientPageSchema = pageOf(clientSchema);

export const federationCreateSchema = z.strictObject({
  name: newNameSchema,
  /** The service that the outside token stands for, by id or name. */
  service: referenceSchema,
  /** As the issuer writes it in `iss`. */
  issuer: uriSchema,
  /** Where its keys are; without it they are looked for by OpenID Connect Discovery. */
  jwks_uri: uriSchema.optional(),
  /** One of them must be in `aud`. */
  audiences: z.array(z.string().min(1).max(500)).min(1).max(10),
  /** An expression over `claims` that must be true. */
  condition: z
    .string()
    .min(1)
    .max(4 * conditionCharactersMax),
  permissions: permissionsSchema.optional(),
});
export const federationSchema = z.object({
  id: idSchema,
  name: nameSchema,
  service: z.object({ id: idSchema, name: nameSchema }),
  issuer: z.string(),
  jwks_uri: z.string().nullable(),
  audiences: z.array(z.string()),
  condition: z.string(),
  permissions: z.array(z.string()).nullable(),
  created_at: timeSchema,
});
export const federationPageSchema = pageOf(federationSchema);

export const tokenKeySchema = z.object({
  kid: z.string(),
  state: z.enum(['next', 'active', 'retired']),
  created_at: timeSchema,
  /** When it stops verifying; null for the active one. */
  not_after: timeSchema.nullable(),
});
export const tokenKeysSchema = z.object({ items: z.array(tokenKeySchema) });
export const tokenKeyRotatedSchema = z.object({ kid: z.string() });

/** Metadata of the authorization server (RFC 8414), as far as the command line reads it. */
export const serverMetadataSchema = z.looseObject({
  issuer: z.string(),
  token_endpoint: z.string(),
  revocation_endpoint: z.string(),
  device_authorization_endpoint: z.string().optional(),
});
/** RFC 8628, section 3.2. */
export const deviceAuthorizationSchema = z.looseObject({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri: z.string(),
  verification_uri_complete: z.string().optional(),
  expires_in: z.number().max(deviceCodeMs / 1_000),
  interval: z.number().optional(),
});
/** RFC 6749, section 5.1. */
export const tokenAnswerSchema = z.looseObject({
  access_token: z.string(),
  token_type: z.string(),
  expires_in: z.number(),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
});
export type TokenAnswer = z.infer<typeof tokenAnswerSchema>;
/** RFC 6749, section 5.2. */
export const tokenErrorSchema = z.looseObject({
  error: z.string(),
  error_description: z.string().optional(),
});
