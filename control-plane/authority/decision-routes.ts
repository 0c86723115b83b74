// The routes that answer questions: may I, may somebody, which of these, and why was it decided so.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { decisionSchema, explanationSchema } from '../../protocol/api/authority.ts';
import type { DecisionTrace } from '../../protocol/api/authority.ts';
import {
  checkRequestSchema,
  evaluationAnswerSchema,
  evaluationSchema,
  evaluationsAnswerSchema,
  evaluationsSchema,
  permissionsTestAnswerSchema,
  permissionsTestSchema,
} from '../../protocol/api/policy.ts';
import { Failure } from '../../protocol/failures.ts';
import { idSchema } from '../../protocol/ids.ts';
import { parseJson } from '../../protocol/json.ts';
import type { ResourceOf } from '../http/decide.ts';
import { route } from '../http/route.ts';
import type { RouteDeps } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import type { ChangeDeps } from './change.ts';
import { check, checkAll, evaluate, testPermissions } from './check.ts';
import { resourceOfPath } from './level.ts';
import { organizationOf } from './resources.ts';
import { selectDecision } from './store.ts';
import { decideAgain } from './trace.ts';

type Deps = RouteDeps & ChangeDeps;

const tag = 'authority';

export function decisionRoutes(app: FastifyInstance, deps: Deps): void {
  checkRoutes(app, deps);
  evaluationRoutes(app, deps);
  explainRoute(app, deps);
}

function checkRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/v1/check',
    permission: 'iam.self.read',
    summary: 'Ask whether a principal may do something, and why; one question, or many as `checks`',
    tag,
    body: checkRequestSchema,
    answers: { 200: z.union([decisionSchema, z.object({ checks: z.array(decisionSchema) })]) },
    handler: async (context) => {
      const { body } = context;
      if ('checks' in body) {
        return { status: 200, body: { checks: await checkAll(deps, context, body.checks) } };
      }
      return { status: 200, body: await check(deps, context, body) };
    },
  });
  route(app, deps, {
    method: 'POST',
    url: '/v1/permissions/test',
    permission: 'iam.self.read',
    summary: 'Which of these permissions the caller has on a resource, so that a screen shows what works',
    tag,
    body: permissionsTestSchema,
    answers: { 200: permissionsTestAnswerSchema },
    handler: async (context) => ({ status: 200, body: await testPermissions(deps, context, context.body) }),
  });
}

function evaluationRoutes(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'POST',
    url: '/access/v1/evaluation',
    permission: 'iam.self.read',
    summary: 'The same question as AuthZEN asks it (Authorization API 1.0)',
    tag,
    body: evaluationSchema,
    answers: { 200: evaluationAnswerSchema },
    handler: async (context) => ({ status: 200, body: await evaluate(deps, context, context.body) }),
  });
  route(app, deps, {
    method: 'POST',
    url: '/access/v1/evaluations',
    permission: 'iam.self.read',
    summary: 'Many of them; what one leaves out is taken from the top',
    tag,
    body: evaluationsSchema,
    answers: { 200: evaluationsAnswerSchema },
    handler: async (context) => {
      const { evaluations, ...defaults } = context.body;
      const answers = [];
      for (const [index, each] of evaluations.entries()) {
        const whole = evaluationSchema.safeParse({ ...defaults, ...each });
        if (!whole.success) {
          throw new Failure('invalid_request', `Evaluation ${index} lacks its subject, action or resource.`);
        }
        answers.push(await evaluate(deps, context, whole.data));
      }
      return { status: 200, body: { evaluations: answers } };
    },
  });
}

function explainRoute(app: FastifyInstance, deps: Deps): void {
  route(app, deps, {
    method: 'GET',
    url: '/v1/decisions/:id',
    permission: 'iam.decision.explain',
    resource: decisionResource(deps.store),
    summary: 'The whole trace of a denial, and how the same would be decided now',
    tag,
    params: z.object({ id: idSchema }),
    answers: { 200: explanationSchema },
    handler: async ({ params }) => {
      const trace = await readTrace(deps.store, params.id);
      if (trace === null) throw new Failure('not_found', `There is no decision ${params.id}.`);
      const again = decideAgain(deps.authority.policy(), trace, deps.authority.now());
      const now =
        again === null
          ? null
          : { allowed: again.allowed, reason: again.reason, policy_revision: again.policy_revision };
      return { status: 200, body: { ...trace, now } };
    },
  });
}

/** A denial is explained where it happened; of others nobody learns that there are any. */
function decisionResource(store: Store): ResourceOf {
  return async ({ authority, params }) => {
    const id = idSchema.safeParse(params['id']);
    const trace = id.success ? await readTrace(store, id.data) : null;
    const resource = trace === null ? null : resourceOfPath(trace.resource);
    if (resource === null) return organizationOf(authority.policy());
    return { ...resource, above: trace?.asked?.above ?? [] };
  };
}

async function readTrace(store: Store, id: string): Promise<DecisionTrace | null> {
  const [row] = await store.read(selectDecision(store, id));
  return row === undefined ? null : decisionSchema.parse(parseJson(row.trace));
}
