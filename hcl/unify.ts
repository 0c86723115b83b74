// Type unification (hashicorp/hcl, spec.md "Type Unification"): the most general type that all of some types can be
// converted to, a structural type before a collection type, string before number and bool.
import type { Type } from './values.ts';
import { ANY, listOf, mapOf, sameType, setOf, STRING } from './values.ts';

const SEQUENCES: ReadonlySet<string> = new Set(['list', 'set', 'tuple']);
const MAPPINGS: ReadonlySet<string> = new Set(['map', 'object']);

/** The type that all these types unify to, or undefined when there is none. The dynamic type adds nothing. */
export function unify(types: readonly Type[]): Type | undefined {
  const known = types.filter((type) => type.kind !== 'any');
  const [first] = known;
  if (!first) return ANY;
  if (known.every((type) => sameType(type, first))) return first;
  const kinds = new Set(known.map((type) => type.kind));
  if (isWithin(kinds, SEQUENCES)) return kinds.has('tuple') ? unifyTuples(known) : unifySequences(known);
  if (isWithin(kinds, MAPPINGS))
    return kinds.has('object') ? unifyObjects(known) : unifyCollection(known, mapOf);
  const primitive = !known.some((type) => SEQUENCES.has(type.kind) || MAPPINGS.has(type.kind));
  return primitive && kinds.has('string') ? STRING : undefined;
}

/**
 * The collection type that these types can be converted to whatever their lengths and keys: where `unify` prefers a
 * tuple or an object, a value may turn out to have other elements, and this type holds it still.
 */
export function unifyAsCollection(types: readonly Type[]): Type | undefined {
  const known = types.filter((type) => type.kind !== 'any');
  const kinds = new Set(known.map((type) => type.kind));
  if (isWithin(kinds, SEQUENCES)) return unifyCollection(known, listOf);
  if (isWithin(kinds, MAPPINGS)) return unifyCollection(known, mapOf);
  return undefined;
}

function isWithin(kinds: ReadonlySet<string>, group: ReadonlySet<string>): boolean {
  for (const kind of kinds) if (!group.has(kind)) return false;
  return kinds.size > 0;
}

function unifySequences(types: readonly Type[]): Type | undefined {
  return unifyCollection(types, types.some((type) => type.kind === 'list') ? listOf : setOf);
}

function unifyCollection(types: readonly Type[], make: (element: Type) => Type): Type | undefined {
  const element = unify(types.flatMap(elementTypes));
  return element && make(element);
}

function elementTypes(type: Type): readonly Type[] {
  if (type.kind === 'tuple') return type.elements;
  if (type.kind === 'object') return [...type.attributes.values()];
  return 'element' in type ? [type.element] : [];
}

/** Tuples of one length unify element by element; of several lengths only a list can hold them all. */
function unifyTuples(types: readonly Type[]): Type | undefined {
  const lengths = new Set(types.flatMap((type) => (type.kind === 'tuple' ? [type.elements.length] : [])));
  const [length = 0] = lengths;
  if (lengths.size > 1) return unifyCollection(types, listOf);
  const elements = Array.from({ length }, (_, at) =>
    unify(types.map((type) => (type.kind === 'tuple' ? type.elements[at] : elementTypes(type)[0]) ?? ANY)),
  );
  const complete = elements.filter((element) => element !== undefined);
  return complete.length === length ? { kind: 'tuple', elements: complete } : undefined;
}

/** The union of the attributes, those in common unified. */
function unifyObjects(types: readonly Type[]): Type | undefined {
  const names = new Set(types.flatMap((type) => (type.kind === 'object' ? [...type.attributes.keys()] : [])));
  const attributes = new Map<string, Type>();
  for (const name of names) {
    const attribute = unify(types.map((type) => attributeType(type, name)));
    if (!attribute) return undefined;
    attributes.set(name, attribute);
  }
  return { kind: 'object', attributes };
}

function attributeType(type: Type, name: string): Type {
  if (type.kind === 'object') return type.attributes.get(name) ?? ANY;
  return type.kind === 'map' ? type.element : ANY;
}
