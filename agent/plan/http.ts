// Plans a request.
import type { Expression } from '../../hcl/ast.ts';
import type { HttpOperation } from '../../hcl/agent-file/definition.ts';
import { stringValue } from '../../hcl/values.ts';
import type { StringValue } from '../../hcl/values.ts';
import { responseBytesMaxDefault } from '../../protocol/limits.ts';
import type { Evaluator } from './evaluator.ts';
import { planHeaders } from './headers.ts';
import type { HttpPlan, PlannedHeader } from './operation-plan.ts';
import { planUrl } from './url.ts';

/**
 * The request, with the headers that the file does not give. `proxy` is the agent's own, for operations without one.
 * Throws what planUrl and planHeaders do.
 */
export function planHttp(
  operation: HttpOperation,
  evaluator: Evaluator,
  { proxy }: { readonly proxy: string | null },
): HttpPlan {
  const { method, url, query, headers, body, requestTimeoutMs, expect, tls, followRedirects } = operation;
  const given = planHeaders(headers, evaluator);
  const planned = body === null ? null : evaluator.text(body);
  return {
    kind: 'http',
    method,
    url: planUrl({ url, query }, evaluator),
    headers: [...given, ...defaultHeaders(given, body)],
    body: planned,
    timeoutMs: requestTimeoutMs,
    expect,
    tls,
    followRedirects,
    proxy: operation.proxy ?? proxy,
    responseBytesMax: operation.maxResponseBytes ?? responseBytesMaxDefault,
  };
}

/** An answer is asked for as it is: what is compressed may be a thousand times larger than it looks. */
function defaultHeaders(given: readonly PlannedHeader[], body: Expression | null): readonly PlannedHeader[] {
  const names = new Set(given.map(({ name }) => name.toLowerCase()));
  const defaults: readonly (readonly [string, string])[] = [
    ['User-Agent', 'wayside-agent'],
    ['Accept', '*/*'],
    ['Accept-Encoding', 'identity'],
    ...(body === null ? [] : [['Content-Type', contentType(body)] as const]),
  ];
  return defaults
    .filter(([name]) => !names.has(name.toLowerCase()))
    .map(([name, value]): { name: string; value: StringValue } => ({ name, value: stringValue(value) }));
}

/** What the file writes by `jsonencode` is JSON; everything else is text unless a header says otherwise. */
function contentType(body: Expression): string {
  if (body.node === 'parentheses') return contentType(body.inner);
  return body.node === 'call' && body.name === 'jsonencode'
    ? 'application/json'
    : 'text/plain; charset=utf-8';
}
