// Requests and answers about who is who and who may do what: principals, tokens, bindings, decisions, audit.
import { z } from 'zod';
import { idSchema, nameSchema, newNameSchema, referenceSchema, selfReference } from '../ids.ts';
import { conditionCharactersMax, conditionsMax, conditionValuesMax } from '../limits-authority.ts';
import { keptRunsMax, keptRunsMin, retentionMsMax, retentionMsMin } from '../limits.ts';
import { permissions } from '../permissions.ts';
import { descriptionSchema, pageOf, pageQuerySchema, revisionSchema, timeSchema } from './page.ts';

/** The built-in roles; others are made from the catalogue of permissions. */
export const roleNames = ['owner', 'admin', 'contributor', 'viewer', 'auditor', 'agent'] as const;
export type RoleName = (typeof roleNames)[number];

/** A team is a principal that others are members of; an agent is one of its own while it works. */
export const principalKinds = ['user', 'service', 'team', 'agent'] as const;
export type PrincipalKind = (typeof principalKinds)[number];

export const whoamiSchema = z.object({
  principal: z.object({ id: idSchema, name: nameSchema, kind: z.enum(principalKinds) }),
  organization: z.object({ id: idSchema, name: nameSchema }),
  token: z.object({ id: idSchema, name: z.string(), expires_at: timeSchema.nullable() }),
  roles: z.array(z.object({ role: z.string(), resource: z.string() })),
  /** Support access that somebody asks for, and that is in force, up to a page of each; null for who may not see it. */
  support: z.object({ requested: z.int(), in_force: z.int() }).nullable(),
});

export const organizationSchema = z.object({
  id: idSchema,
  name: nameSchema,
  /** Of the SPIFFE identities of its agents; fixed at the first start. */
  trust_domain: z.string(),
  created_at: timeSchema,
  revision: revisionSchema,
});
export const organizationUpdateSchema = z.strictObject({ name: newNameSchema });

export const projectCreateSchema = z.strictObject({
  name: newNameSchema,
  /** Id or name of the folder that it is made in; without it, it lies in the organization itself. */
  folder: referenceSchema.optional(),
  description: descriptionSchema.default(''),
});
const keptMsSchema = z.int().min(retentionMsMin).max(retentionMsMax).nullable();
const keptRunsSchema = z.int().min(keptRunsMin).max(keptRunsMax).nullable();
/** Null is the default of every project; for `keep_runs_max`, as many as there are. */
export const projectUpdateSchema = z.strictObject({
  description: descriptionSchema.optional(),
  keep_runs_ms: keptMsSchema.optional(),
  keep_output_ms: keptMsSchema.optional(),
  keep_runs_max: keptRunsSchema.optional(),
});
export const projectSchema = z.object({
  id: idSchema,
  name: nameSchema,
  description: z.string(),
  folder: z.object({ id: idSchema, name: nameSchema }).nullable(),
  /** From the end of a run until it goes. */
  keep_runs_ms: keptMsSchema,
  /** From the end of a run until its output goes. */
  keep_output_ms: keptMsSchema,
  /** Finished runs of one action. */
  keep_runs_max: keptRunsSchema,
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
  kind: z.enum(principalKinds),
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

/**
 * Where a binding holds: `organization`, `folders/<f>`, `projects/<p>`, or one thing in a project, for instance
 * `projects/<p>/actions/<a>`; each part an id or a name.
 */
export const levelSchema = z
  .string()
  .regex(
    /^(organization|folders\/[A-Za-z0-9._:-]{1,63}|projects\/[A-Za-z0-9._:-]{1,63}(\/(actions|groups|applications)\/[A-Za-z0-9._:-]{1,63})?)$/,
    'a level is organization, folders/<f>, projects/<p>, or projects/<p>/actions/<a>, groups/<g> or applications/<a>',
  );

const conditionTextSchema = z.string().min(1).max(conditionCharactersMax);
const conditionValueSchema = z.union([z.string().max(conditionCharactersMax), z.number(), z.boolean()]);

/**
 * What an input of the run must be. `equals` has one value, `one_of` any of several; `matches` has RE2 patterns, one
 * of which must match the whole text. An input that is unknown, sensitive, or left to its default meets no condition.
 */
export const conditionSchema = z
  .strictObject({
    input: conditionTextSchema,
    operator: z.enum(['equals', 'one_of', 'matches']),
    values: z.array(conditionValueSchema).min(1).max(conditionValuesMax),
  })
  .refine(({ operator, values }) => operator !== 'equals' || values.length === 1, 'equals takes one value')
  .refine(
    ({ operator, values }) => operator !== 'matches' || values.every((value) => typeof value === 'string'),
    'matches takes patterns',
  );
export type Condition = z.infer<typeof conditionSchema>;

export const bindingEffects = ['allow', 'deny'] as const;
export const bindingCreateSchema = z.strictObject({
  principal: z.string(),
  /** A built-in role, or the name or id of another. */
  role: referenceSchema,
  level: levelSchema.default('organization'),
  /** A `deny` takes what the role lists away, whatever any other binding gives. */
  effect: z.enum(bindingEffects).default('allow'),
  /** All of them must hold; see `conditionSchema`. */
  conditions: z.array(conditionSchema).max(conditionsMax).default([]),
  not_before: timeSchema.optional(),
  not_after: timeSchema.optional(),
});
export const bindingSchema = z.object({
  id: idSchema,
  principal: z.object({ id: idSchema, name: nameSchema }),
  role: z.string(),
  level: z.string(),
  /** The same with names in place of ids. */
  level_name: z.string(),
  effect: z.enum(bindingEffects),
  conditions: z.array(conditionSchema),
  not_before: timeSchema.nullable(),
  not_after: timeSchema.nullable(),
  /** The support request that it was made for. */
  support: idSchema.nullable(),
  created_at: timeSchema,
});
/** `project`, an id or name, leaves those of that project; `on` those of any level, `principal` those of one. */
export const bindingListQuerySchema = pageQuerySchema
  .extend({
    project: referenceSchema.optional(),
    on: levelSchema.optional(),
    principal: referenceSchema.optional(),
  })
  .refine(
    ({ project, on }) => project === undefined || on === undefined,
    'name a project or a level, not both',
  );
export type Binding = z.infer<typeof bindingSchema>;
export const bindingPageSchema = pageOf(bindingSchema);

/** The `acr` of an elevated session or token (RFC 9470): signed in again on purpose, with a reason, for a short time. */
export const elevatedAcr = 'urn:wayside:acr:elevated';

/** Why a decision came out as it did; exactly one, the first that applies in this order. */
export const decisionReasons = [
  'allowed',
  'other_organization',
  'delegation_too_deep',
  'principal_disabled',
  'denied',
  'no_binding',
  'not_in_force',
  'condition',
  'confined',
  'token_scope',
  'elevation_needed',
  'actor_lacks',
  'not_visible',
] as const;
export type DecisionReason = (typeof decisionReasons)[number];

/** What became of one binding that reaches the resource. `depends` waits for the inputs of the run. */
export const bindingOutcomes = [
  'grants',
  'denies',
  'lacks',
  'not_yet',
  'expired',
  'condition',
  'depends',
] as const;
export type BindingOutcome = (typeof bindingOutcomes)[number];

const consideredSchema = z.object({
  binding: z.string(),
  role: z.string(),
  level: z.string(),
  /** True where it allows what was asked. */
  grants: z.boolean(),
  effect: z.enum(bindingEffects),
  outcome: z.enum(bindingOutcomes),
  /** The teams from the principal to the one that is bound; empty for a binding of its own. */
  via: z.array(z.string()),
  /** The input on which a condition failed. */
  input: z.string().optional(),
});
export type Considered = z.infer<typeof consideredSchema>;

/** What was asked, so that a trace can be decided again. */
const askedSchema = z.object({
  credential: z
    .object({
      kind: z.string(),
      id: z.string(),
      permissions: z.array(z.string()).nullable(),
      within: z.array(z.string()).nullable(),
      elevated: z.boolean(),
    })
    .nullable(),
  actors: z.array(z.string()),
  /** Those that a condition compares; no sensitive one is ever among them. Null where no inputs were known. */
  inputs: z.record(z.string(), z.unknown()).nullable(),
  /** Things that the resource belongs to, whose bindings reach it. */
  above: z.array(z.string()),
});

/** The trace of one decision: which bindings were looked at, which one matched, what was missing. */
export const decisionSchema = z.object({
  id: idSchema,
  at: timeSchema,
  allowed: z.boolean(),
  permission: z.string(),
  principal: z.string(),
  /** From the organization down to the thing. */
  resource: z.array(z.string()),
  reason: z.enum(decisionReasons),
  considered: z.array(consideredSchema),
  matched: z.string().nullable(),
  /** The same for whoever acts for the principal, where its own rights are needed too. */
  actor: z
    .object({ principal: z.string(), reason: z.enum(decisionReasons), considered: z.array(consideredSchema) })
    .optional(),
  policy_revision: z.int(),
  asked: askedSchema.optional(),
});
export type DecisionTrace = z.infer<typeof decisionSchema>;

/** A trace, and what the policy of this moment makes of the same question; null where it cannot be asked again. */
export const explanationSchema = decisionSchema.extend({
  now: z
    .object({ allowed: z.boolean(), reason: z.enum(decisionReasons), policy_revision: z.int() })
    .nullable(),
});
export type Explanation = z.infer<typeof explanationSchema>;
