// An exported trail: lines of JSON that begin with what they are about, then events in the order of the chain, signed
// heads where they were signed, and a line that says that it is complete.
import { z } from 'zod';
import type { AuditFacts } from './audit-chain.ts';
import { auditEnvelope, isEnvelopeOf } from './audit-envelope.ts';
import { auditKeySchema } from './audit-head.ts';
import { exportedEventSchema } from './exported-event.ts';
import type { ExportedEvent } from './exported-event.ts';
import { canonicalJson, parseJson, stringifyJson } from './json.ts';

export const auditExportFormats = ['jsonl', 'envelope'] as const;
export type AuditExportFormat = (typeof auditExportFormats)[number];

const trailLineSchema = z.strictObject({
  type: z.literal('trail'),
  version: z.literal(1),
  format: z.enum(auditExportFormats),
  organization: z.string(),
  store_incarnation: z.string(),
  /** The position and hash that the first event takes up; 0 and '' before the first of all. */
  after: z.int().min(0),
  hash: z.string(),
  /** The last position that is in it. */
  until: z.int().min(0),
  /** What retention has removed: the last position; 0 where nothing was. */
  removed: z.int().min(0),
  /** Who signed the heads, says the file; who verifies it brings keys that were kept elsewhere. */
  keys: z.array(auditKeySchema),
  /** Epoch ms. */
  at: z.int(),
});
const headLineSchema = z.strictObject({ type: z.literal('head'), jws: z.string() });
const endLineSchema = z.strictObject({
  type: z.literal('end'),
  position: z.int().min(0),
  hash: z.string(),
});
const envelopeLineSchema = z.looseObject({
  control_plane_event: z.looseObject({ metadata: z.object({ event: exportedEventSchema }) }),
});

export type TrailLine = z.infer<typeof trailLineSchema>;
export type EndLine = z.infer<typeof endLineSchema>;
export type ExportLine = TrailLine | ExportedEvent | z.infer<typeof headLineSchema> | EndLine;

const lineSchema = z.discriminatedUnion('type', [
  trailLineSchema,
  exportedEventSchema,
  headLineSchema,
  endLineSchema,
]);

/** Reads one line, in either format; null where it is no line of an export, or an envelope says more than its event. */
export function parseExportLine(text: string): ExportLine | null {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return null;
  }
  const line = lineSchema.safeParse(value);
  if (line.success) return line.data;
  const envelope = envelopeLineSchema.safeParse(value);
  if (!envelope.success) return null;
  const { event } = envelope.data.control_plane_event.metadata;
  return isEnvelopeOf(value, event) ? event : null;
}

/** One line, without its end. */
export function writeExportLine(line: ExportLine, format: AuditExportFormat): string {
  return stringifyJson(line.type === 'event' && format === 'envelope' ? auditEnvelope(line) : line);
}

/** An event as it is exported, from its facts and its place. */
export function exportedEvent(
  facts: AuditFacts & { readonly mac: string },
  place: { readonly position: number; readonly previous_hash: string; readonly hash: string },
): ExportedEvent {
  return exportedEventSchema.parse({
    type: 'event',
    id: facts.id,
    position: place.position,
    organization: facts.organization,
    at: facts.at,
    principal: jsonOf(facts.principal),
    actors: jsonOf(facts.actors) ?? [],
    operation: facts.operation,
    permission: facts.permission,
    resource: facts.resource,
    result: facts.result,
    decision: facts.decision,
    details: jsonOf(facts.details),
    request: jsonOf(facts.request),
    mac: facts.mac,
    previous_hash: place.previous_hash,
    hash: place.hash,
  });
}

/** The facts as they are in the chain. */
export function factsOf(event: ExportedEvent): AuditFacts {
  const { id, organization, at, operation, permission, resource, result, decision } = event;
  return {
    ...{ id, organization, at, operation, permission, resource, result, decision },
    principal: event.principal === null ? null : canonicalJson(event.principal),
    actors: event.actors.length === 0 ? null : canonicalJson(event.actors),
    details: canonicalJson(event.details),
    request: canonicalJson(event.request),
  };
}

function jsonOf(text: string | null): unknown {
  return text === null ? null : parseJson(text);
}
