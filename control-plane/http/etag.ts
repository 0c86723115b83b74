// Revisions as entity tags (RFC 9110, section 8.8.3): who changes a thing says which revision was read.
import type { FastifyRequest } from 'fastify';
import { Failure } from '../../protocol/failures.ts';

export function etagOf(revision: number): string {
  return `"${revision}"`;
}

/**
 * Holds where `If-Match` names the revision that is there now, or `*`. Throws `precondition_required` without the
 * header (RFC 6585, section 3) and `precondition_failed` where the thing has changed since.
 */
export function requireMatch(request: FastifyRequest, revision: number): void {
  if (request.headers['if-match'] === undefined) {
    throw new Failure(
      'precondition_required',
      'Send the ETag that you read as If-Match, so that no change is lost.',
    );
  }
  heedMatch(request, revision);
}

/** The same where the header may be missing. `null` stands for a thing that is not there, which no tag matches. */
export function heedMatch(request: FastifyRequest, revision: number | null): void {
  const header = request.headers['if-match'];
  if (header === undefined) return;
  const tags = header.split(',').map((tag) => tag.trim());
  // A weak tag never matches here (section 13.1.1).
  if (revision !== null && (header.trim() === '*' || tags.includes(etagOf(revision)))) return;
  throw changedMeanwhile();
}

export function changedMeanwhile(): Failure {
  return new Failure(
    'precondition_failed',
    'Somebody else changed it in the meantime. Read it again, then repeat.',
  );
}
