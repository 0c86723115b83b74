// Requests and answers about what the policy is made of: folders, teams, roles, support access, entitlements; and the
// questions that others ask of it.
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema, referenceSchema, selfReference } from '../ids.ts';
import { checksMax, entitlementGraceMsMax, supportMsDefault, supportMsMax } from '../limits-authority.ts';
import { permissions } from '../permissions.ts';
import { levelSchema, roleNames } from './authority.ts';
import { descriptionSchema, pageOf, pageQuerySchema, revisionSchema, timeSchema } from './page.ts';

const placeSchema = z.object({ id: idSchema, name: nameSchema });

export const folderCreateSchema = z.strictObject({
  name: newNameSchema,
  description: descriptionSchema.default(''),
  /** Id or name of the folder around it; without it, it lies in the organization itself. */
  parent: referenceSchema.optional(),
});
export const folderUpdateSchema = z.strictObject({ description: descriptionSchema });
export const folderSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  parent: placeSchema.nullable(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export type Folder = z.infer<typeof folderSchema>;
export const folderPageSchema = pageOf(folderSchema);
/** Null moves it directly into the organization. */
export const moveSchema = z.strictObject({ folder: referenceSchema.nullable() });

export const teamCreateSchema = z.strictObject({
  name: newNameSchema.refine((name) => name !== selfReference, 'the name self means whoever asks'),
});
export const teamSchema = z.object({ id: idSchema, name: nameSchema, created_at: timeSchema });
export const teamPageSchema = pageOf(teamSchema);
export const memberSchema = z.object({
  id: idSchema,
  name: nameSchema,
  kind: z.string(),
  disabled: z.boolean(),
  /** Empty for a member that a person added, else who keeps it, for instance a sign-in provider. */
  source: z.string(),
  added_at: timeSchema,
});
export const memberPageSchema = pageOf(memberSchema);

const permissionsSchema = z
  .array(z.enum(permissions))
  .min(1)
  .max(permissions.length)
  .transform((names) => [...new Set(names)].sort());
export const roleCreateSchema = z.strictObject({
  name: newNameSchema.refine(
    (name) => !(roleNames as readonly string[]).includes(name),
    'a built-in role has that name',
  ),
  description: descriptionSchema.default(''),
  permissions: permissionsSchema,
});
export const roleUpdateSchema = z.strictObject({
  description: descriptionSchema.optional(),
  permissions: permissionsSchema.optional(),
});
export const roleSchema = z.object({
  /** Of a built-in role its name. */
  id: z.string(),
  name: nameSchema,
  description: z.string(),
  built_in: z.boolean(),
  permissions: z.array(z.string()),
  /** Counts its changes; the ETag is this number in quotes. */
  version: revisionSchema,
});
export type Role = z.infer<typeof roleSchema>;
export const roleListSchema = z.object({ items: z.array(roleSchema) });
export const permissionListSchema = z.object({
  items: z.array(
    z.object({
      name: z.string(),
      /** Asks somebody who is signed in to elevate the session first. */
      sensitive: z.boolean(),
      /** Judged with the inputs of a run, where a binding has conditions. */
      with_inputs: z.boolean(),
    }),
  ),
});

export const supportStates = ['requested', 'approved', 'refused', 'revoked', 'withdrawn'] as const;
export const supportCreateSchema = z.strictObject({
  /** Read-only unless somebody asks for more. */
  role: referenceSchema.default('viewer'),
  level: levelSchema.default('organization'),
  reason: z.string().min(1).max(500),
  ticket: z.string().min(1).max(100).optional(),
  duration_ms: z.int().min(60_000).max(supportMsMax).default(supportMsDefault),
});
/** Who approves may give less than was asked for, never more. */
export const supportApproveSchema = z.strictObject({
  duration_ms: z.int().min(60_000).max(supportMsMax).optional(),
});
export const supportSchema = z.object({
  id: idSchema,
  principal: placeSchema,
  role: z.string(),
  level: z.string(),
  reason: z.string(),
  ticket: z.string().nullable(),
  duration_ms: z.int(),
  state: z.enum(supportStates),
  /** True while the binding that was made for it is there and has not ended. */
  in_force: z.boolean(),
  created_at: timeSchema,
  decided_by: placeSchema.nullable(),
  decided_at: timeSchema.nullable(),
  not_after: timeSchema.nullable(),
  binding: idSchema.nullable(),
});
export type Support = z.infer<typeof supportSchema>;
export const supportPageSchema = pageOf(supportSchema);
export const supportListQuerySchema = pageQuerySchema.extend({
  state: z.enum([...supportStates, 'in_force']).optional(),
});

/** What can be limited: `actions` is the right to run any, the others are counted. */
export const entitlementNames = ['actions', 'agents', 'projects', 'runs_per_day'] as const;
export type EntitlementName = (typeof entitlementNames)[number];
export const entitlementUpdateSchema = z.strictObject({
  /** Null where it is not counted. */
  quota: z.int().min(0).nullable().default(null),
  /** Null for what does not end. */
  ends_at: timeSchema.nullable().default(null),
  /** How long it goes on, with a warning, after it ended or its quota was used up. */
  grace_ms: z.int().min(0).max(entitlementGraceMsMax).default(0),
});
export const entitlementSchema = z.object({
  name: z.enum(entitlementNames),
  quota: z.int().nullable(),
  used: z.int().nullable(),
  ends_at: timeSchema.nullable(),
  grace_ms: z.int(),
  exceeded_at: timeSchema.nullable(),
  state: z.enum(['granted', 'grace', 'exceeded', 'ended']),
  revision: revisionSchema,
});
export type Entitlement = z.infer<typeof entitlementSchema>;
export const entitlementListSchema = z.object({ items: z.array(entitlementSchema) });

const inputsSchema = z.record(z.string(), z.unknown());
const checkOneSchema = z.strictObject({
  permission: z.enum(permissions),
  resource: z.string().max(500),
  principal: z.string().max(63).optional(),
  inputs: inputsSchema.optional(),
});
/** The same question with ids in members of their own, as other services ask it. */
const checkByIdSchema = z.strictObject({
  organization_id: z.string().max(63).optional(),
  project_id: z.string().max(63).nullable().optional(),
  required_permission: z.enum(permissions),
  principal: z.string().max(63).optional(),
  inputs: inputsSchema.optional(),
});
export const checkRequestSchema = z.union([
  checkOneSchema,
  checkByIdSchema,
  z.strictObject({
    checks: z
      .array(z.union([checkOneSchema, checkByIdSchema]))
      .min(1)
      .max(checksMax),
  }),
]);
export type CheckOne = z.infer<typeof checkOneSchema> | z.infer<typeof checkByIdSchema>;

/** Which of these permissions the caller has on one resource, for screens that show only what works. */
export const permissionsTestSchema = z.strictObject({
  resource: z.string().max(500).default('organization'),
  permissions: z.array(z.enum(permissions)).min(1).max(permissions.length),
});
export const permissionsTestAnswerSchema = z.object({
  permissions: z.array(z.string()),
  /** Only with certain inputs of a run. */
  with_inputs: z.array(z.string()),
  /** Only after the session was elevated. */
  with_elevation: z.array(z.string()),
});

/** AuthZEN Authorization API 1.0, section 5: who, what, on what, and with what around it. */
const evaluationMembers = {
  subject: z.object({ type: z.string().max(63), id: z.string().max(63) }),
  action: z.object({ name: z.string().max(100) }),
  resource: z.object({ type: z.string().max(63), id: z.string().max(500) }),
  context: z.record(z.string(), z.unknown()).optional(),
};
export const evaluationSchema = z.object(evaluationMembers);
export type Evaluation = z.infer<typeof evaluationSchema>;
/** Members at the top are the defaults of those in the list (section 6). */
export const evaluationsSchema = z.object({
  subject: evaluationMembers.subject.optional(),
  action: evaluationMembers.action.optional(),
  resource: evaluationMembers.resource.optional(),
  context: evaluationMembers.context,
  evaluations: z.array(z.object(evaluationMembers).partial()).min(1).max(checksMax),
});
export const evaluationAnswerSchema = z.object({
  decision: z.boolean(),
  context: z.object({ id: z.string(), reason: z.string() }).optional(),
});
export const evaluationsAnswerSchema = z.object({ evaluations: z.array(evaluationAnswerSchema) });
