// Requests and answers about how people sign in: sessions, elevation, one-time links, identity providers.
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema } from '../ids.ts';
import {
  elevationReasonCharactersMax,
  elevationReasonCharactersMin,
  identityProviderDomainsMax,
  identityProviderTeamsMax,
  passwordCharactersMax,
  signInLinkMsDefault,
  signInLinkMsMax,
} from '../limits-authority.ts';
import { pageOf, revisionSchema, timeSchema } from './page.ts';

export const sessionSchema = z.object({
  id: idSchema,
  principal: z.object({ id: idSchema, name: nameSchema }),
  /** How strongly and by what its owner showed who they are (RFC 8176). */
  acr: z.string(),
  amr: z.array(z.string()),
  address: z.string(),
  user_agent: z.string(),
  created_at: timeSchema,
  authenticated_at: timeSchema,
  last_seen_at: timeSchema,
  expires_at: timeSchema,
  elevated_until: timeSchema.nullable(),
  /** Whether it is the one that asks. */
  current: z.boolean(),
});
export const sessionPageSchema = pageOf(sessionSchema);

/** Shows again who asks, and says what for. `code` is one of an authenticator application, or a recovery code. */
export const elevateSchema = z.strictObject({
  reason: z.string().min(elevationReasonCharactersMin).max(elevationReasonCharactersMax),
  password: z.string().max(passwordCharactersMax),
  code: z.string().max(64).default(''),
});
export const elevatedSchema = z.object({ elevated_until: timeSchema });

/** What a principal can sign in with. */
export const signInMethodsSchema = z.object({
  password: z.object({ changed_at: timeSchema }).nullable(),
  totp: z.object({ created_at: timeSchema }).nullable(),
  passkeys: z.array(
    z.object({ name: z.string(), created_at: timeSchema, last_used_at: timeSchema.nullable() }),
  ),
  recovery_codes: z.int(),
  identity_providers: z.array(z.object({ provider: nameSchema, name: z.string() })),
});

export const signInLinkCreateSchema = z.strictObject({
  purpose: z.enum(['invite', 'reset']),
  /** Whether using it also removes the authenticator application, passkeys and recovery codes. */
  removes_factors: z.boolean().default(false),
  expires_in_ms: z.int().min(60_000).max(signInLinkMsMax).default(signInLinkMsDefault),
});
/** The address is shown once. */
export const signInLinkCreatedSchema = z.object({
  id: idSchema,
  url: z.string(),
  expires_at: timeSchema,
});

const issuerSchema = z
  .url()
  .max(500)
  .refine((text) => !/[?#]/.test(text), 'an issuer has neither a query nor a fragment')
  .refine(
    (text) => /^(https:|http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/])/.test(`${text}/`),
    'an issuer is https, or on this machine',
  );
const claimSchema = z.string().regex(/^[\x21-\x7e]{1,200}$/, 'it is the name of a claim');
/** Value of the claim to the team that it stands for. */
const teamsSchema = z
  .record(z.string().min(1).max(200), nameSchema)
  .refine((teams) => Object.keys(teams).length <= identityProviderTeamsMax, 'there are too many');
const domainsSchema = z
  .array(z.string().regex(/^[a-z0-9.-]{1,253}$/, 'it is a domain in lower case'))
  .max(identityProviderDomainsMax);
const scopesSchema = z
  .string()
  .regex(/^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$/, 'it begins with openid')
  .max(500);

export const identityProviderCreateSchema = z.strictObject({
  name: newNameSchema,
  issuer: issuerSchema,
  client_id: z.string().min(1).max(500),
  /** Null for a public client. */
  client_secret: z.string().min(1).max(2_000).nullable().default(null),
  scopes: scopesSchema.default('openid profile email'),
  /** Whose value becomes the name of a user who is made. */
  name_claim: claimSchema.default('email'),
  teams_claim: claimSchema.nullable().default(null),
  teams: teamsSchema.default({}),
  /** Domains of verified email addresses that may sign in; empty for all. */
  allowed_domains: domainsSchema.default([]),
  /** Whether somebody who is not known yet becomes a user with the first sign-in. */
  creates_users: z.boolean().default(false),
});
export const identityProviderUpdateSchema = z.strictObject({
  client_id: z.string().min(1).max(500).optional(),
  client_secret: z.string().min(1).max(2_000).nullable().optional(),
  scopes: scopesSchema.optional(),
  name_claim: claimSchema.optional(),
  teams_claim: claimSchema.nullable().optional(),
  teams: teamsSchema.optional(),
  allowed_domains: domainsSchema.optional(),
  creates_users: z.boolean().optional(),
  enabled: z.boolean().optional(),
});
/** Without its secret. */
export const identityProviderSchema = z.object({
  id: idSchema,
  name: nameSchema,
  issuer: z.string(),
  client_id: z.string(),
  has_secret: z.boolean(),
  scopes: z.string(),
  name_claim: z.string(),
  teams_claim: z.string().nullable(),
  teams: z.record(z.string(), z.string()),
  allowed_domains: z.array(z.string()),
  creates_users: z.boolean(),
  enabled: z.boolean(),
  /** Where the provider sends people back; to be registered with it. */
  redirect_uri: z.string(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export const identityProviderPageSchema = pageOf(identityProviderSchema);

/** Who of a provider is which principal; made by the first sign-in, or by somebody who may. */
export const identityLinkCreateSchema = z.strictObject({
  subject: z.string().min(1).max(255),
  principal: nameSchema,
});
