// Requests and answers about who is who and who may do what: principals, tokens, bindings, decisions, audit.
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema, referenceSchema, selfReference } from '../ids.ts';
import { permissions } from '../permissions.ts';
import { descriptionSchema, pageOf, pageQuerySchema, revisionSchema, timeSchema } from './page.ts';

export const roleNames = ['owner', 'admin', 'contributor', 'viewer'] as const;
export type RoleName = (typeof roleNames)[number];

export const whoamiSchema = z.object({
  principal: z.object({ id: idSchema, name: nameSchema, kind: z.enum(['user', 'service']) }),
  organization: z.object({ id: idSchema, name: nameSchema }),
  token: z.object({ id: idSchema, name: z.string(), expires_at: timeSchema.nullable() }),
  roles: z.array(z.object({ role: z.enum(roleNames), resource: z.string() })),
});

export const organizationSchema = z.object({
  id: idSchema,
  name: nameSchema,
  /** Of the SPIFFE identities of its agents; fixed at the first start. */
  trust_domain: z.string(),
  created_at: timeSchema,
});

export const projectCreateSchema = z.strictObject({
  name: newNameSchema,
  description: descriptionSchema.default(''),
});
export const projectUpdateSchema = z.strictObject({ description: descriptionSchema.optional() });
export const projectSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export const projectPageSchema = pageOf(projectSchema);

export const principalCreateSchema = z.strictObject({
  name: newNameSchema.refine((name) => name !== selfReference, 'the name self means whoever asks'),
  kind: z.enum(['user', 'service']).default('user'),
});
export const principalSchema = z.object({
  id: idSchema,
  name: nameSchema,
  kind: z.enum(['user', 'service']),
  created_at: timeSchema,
  disabled_at: timeSchema.nullable(),
});
export const principalPageSchema = pageOf(principalSchema);

export const tokenCreateSchema = z.strictObject({
  name: z.string().min(1).max(100),
  expires_in_ms: z.int().min(60_000).optional(),
  /** Ceiling of permissions; without it the token can do what its principal can. */
  permissions: z.array(z.enum(permissions)).max(permissions.length).optional(),
});
export const tokenSchema = z.object({
  id: idSchema,
  name: z.string(),
  principal: idSchema,
  created_at: timeSchema,
  expires_at: timeSchema.nullable(),
  last_used_at: timeSchema.nullable(),
  revoked_at: timeSchema.nullable(),
  permissions: z.array(z.string()).nullable(),
});
/** The secret is shown once, in the answer that creates it. */
export const tokenCreatedSchema = tokenSchema.extend({ token: z.string() });
export const tokenPageSchema = pageOf(tokenSchema);

/** `organization`, or `projects/<id or name>`. */
export const levelSchema = z.string().regex(/^(organization|projects\/[A-Za-z0-9._:-]{1,63})$/);
export const bindingCreateSchema = z.strictObject({
  principal: z.string(),
  role: z.enum(roleNames),
  level: levelSchema.default('organization'),
});
export const bindingSchema = z.object({
  id: idSchema,
  principal: z.object({ id: idSchema, name: nameSchema }),
  role: z.enum(roleNames),
  level: z.string(),
  created_at: timeSchema,
});
/** `project`, an id or name, leaves those of that project. */
export const bindingListQuerySchema = pageQuerySchema.extend({ project: referenceSchema.optional() });
export const bindingPageSchema = pageOf(bindingSchema);

/** The trace of one decision: which bindings were looked at, which one matched, what was missing. */
export const decisionSchema = z.object({
  id: idSchema,
  at: timeSchema,
  allowed: z.boolean(),
  permission: z.string(),
  principal: z.string(),
  /** From the organization down to the thing. */
  resource: z.array(z.string()),
  reason: z.enum([
    'allowed',
    'no_binding',
    'token_scope',
    'principal_disabled',
    'other_organization',
    'not_visible',
  ]),
  considered: z.array(
    z.object({ binding: z.string(), role: z.string(), level: z.string(), grants: z.boolean() }),
  ),
  matched: z.string().nullable(),
  policy_revision: z.int(),
});
export type DecisionTrace = z.infer<typeof decisionSchema>;
export const checkSchema = z.strictObject({
  permission: z.enum(permissions),
  resource: z.string().max(500),
  principal: z.string().optional(),
});

export const auditEventSchema = z.object({
  id: idSchema,
  /** Place in the organization's chain; null until it is chained, moments later. */
  position: z.int().nullable(),
  at: timeSchema,
  principal: z.object({ id: z.string(), name: z.string(), kind: z.string() }).nullable(),
  /** What was done, for instance `run.start`. */
  operation: z.string(),
  permission: z.string().nullable(),
  resource: z.string(),
  result: z.enum(['allowed', 'denied', 'failed']),
  decision: z.string().nullable(),
  /** Before and after, secrets redacted. */
  details: z.record(z.string(), z.unknown()),
  request: z.record(z.string(), z.unknown()),
  hash: z.string().nullable(),
});
export type AuditEvent = z.infer<typeof auditEventSchema>;
export const auditPageSchema = pageOf(auditEventSchema);
export const auditQuerySchema = pageQuerySchema.extend({
  operation: z.string().optional(),
  principal: z.string().optional(),
  result: z.enum(['allowed', 'denied', 'failed']).optional(),
});
export const auditVerifySchema = z.object({
  valid: z.boolean(),
  events: z.int(),
  head: z.object({ position: z.int(), hash: z.string() }).nullable(),
  problem: z.string().nullable(),
});
