// What an agent advertises against what is stored: which rows are new, which are gone, which inputs are sensitive.
import { z } from 'zod';
import type { Definition } from '../../protocol/frames.ts';
import { stringifyJson } from '../../protocol/json.ts';
import type { DefinitionsTable, SensitiveInputsTable } from '../store/schema.ts';
import type { DefinitionColumns } from './definition-store.ts';

export interface Advertised {
  readonly definitions: readonly DefinitionColumns[];
  readonly sensitive: readonly SensitiveInputsTable[];
}

/** `known` is group ids by name: definitions of other groups are left out, for this agent may not serve them. */
export function readAdvertised(
  definitions: readonly Definition[],
  known: ReadonlyMap<string, string>,
): Advertised {
  const rows = new Map<string, DefinitionColumns>();
  const sensitive: SensitiveInputsTable[] = [];
  for (const definition of definitions) {
    const group_id = known.get(definition.group);
    if (group_id === undefined) continue;
    const { operation } = definition;
    rows.set(`${group_id} ${operation}`, columnsOf(definition, group_id));
    for (const input of sensitiveInputs(definition.inputs)) sensitive.push({ group_id, operation, input });
  }
  return { definitions: [...rows.values()], sensitive };
}

export interface Difference {
  readonly changed: readonly DefinitionColumns[];
  readonly gone: readonly Pick<DefinitionsTable, 'agent' | 'group_id' | 'operation'>[];
}

/**
 * An agent that connects again with what it had writes nothing, so that its definitions do not become the newest
 * ones by reconnecting.
 */
export function differenceOf(
  stored: readonly DefinitionsTable[],
  advertised: readonly DefinitionColumns[],
): Difference {
  const before = new Map(stored.map((row) => [keyOf(row), row]));
  const now = new Set(advertised.map(keyOf));
  return {
    changed: advertised.filter((row) => {
      const old = before.get(keyOf(row));
      return old === undefined || !isSame(old, row);
    }),
    gone: stored.filter((row) => !now.has(keyOf(row))),
  };
}

const schemaShape = z.object({ properties: z.record(z.string(), z.unknown()) });
const propertyShape = z.object({ 'x-wayside-sensitive': z.literal(true) });

/** The inputs that a schema marks as sensitive. */
export function sensitiveInputs(schema: Definition['inputs']): readonly string[] {
  const parsed = schemaShape.safeParse(schema);
  if (!parsed.success) return [];
  return Object.entries(parsed.data.properties)
    .filter(([, property]) => propertyShape.safeParse(property).success)
    .map(([name]) => name);
}

/** The same schema with the mark on every input that was ever sensitive (rules.md 19). */
export function withSensitive(
  schema: Readonly<Record<string, unknown>> | null,
  sensitive: ReadonlySet<string>,
): Readonly<Record<string, unknown>> | null {
  const parsed = schemaShape.safeParse(schema);
  if (schema === null || !parsed.success || sensitive.size === 0) return schema;
  const properties = Object.entries(parsed.data.properties).map(([name, property]) => [
    name,
    sensitive.has(name) && typeof property === 'object' && property !== null
      ? { ...property, 'x-wayside-sensitive': true }
      : property,
  ]);
  return { ...schema, properties: Object.fromEntries(properties) as Record<string, unknown> };
}

function columnsOf(definition: Definition, group_id: string): DefinitionColumns {
  return {
    group_id,
    operation: definition.operation,
    digest: definition.digest,
    description: definition.description,
    inputs: definition.inputs === null ? null : stringifyJson(definition.inputs),
    timeout_ms: definition.timeout_ms,
    idempotent: definition.idempotent ? 1 : 0,
    concurrency: definition.concurrency,
    compatibility: definition.compatibility ? 1 : 0,
    token: definition.token === true ? 1 : 0,
  };
}

function keyOf(row: Pick<DefinitionsTable, 'group_id' | 'operation'>): string {
  return `${row.group_id} ${row.operation}`;
}

function isSame(stored: DefinitionsTable, row: DefinitionColumns): boolean {
  return (Object.keys(row) as (keyof DefinitionColumns)[]).every((column) => stored[column] === row[column]);
}
