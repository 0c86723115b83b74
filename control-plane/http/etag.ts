// Revisions as entity tags (RFC 9110, section 8.8.3): who changes a thing says which revision was read.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * The revision in `If-Match`. Throws `precondition_required` without one (RFC 6585, section 3) and
 * `precondition_failed` for a tag that no revision has. `*` means any.
 */
export function expectedRevision(request: FastifyRequest): number | '*' {
  const header = request.headers['if-match'];
  if (header === undefined) {
    throw new Failure(
      'precondition_required',
      'Send the ETag that you read as If-Match, so that no change is lost.',
    );
  }
  if (header === '*') return '*';
  const match = /^"(\d{1,15})"$/.exec(header);
  if (match?.[1] === undefined) throw changedMeanwhile();
  return Number(match[1]);
}

export function changedMeanwhile(): Failure {
  return new Failure(
    'precondition_failed',
    'Somebody else changed it in the meantime. Read it again, then repeat.',
  );
}
