// Steps of a unit, and statements that are compiled once and run with other values each time.
import type { Compilable, CompiledQuery } from 'kysely';
import type { Guard } from './guard.ts';
import type { Step, Store } from './store.ts';

/** A step of a unit from a query builder or a compiled query, with its guard where it has one. */
export function step(query: Compilable | CompiledQuery, guard?: Guard): Step {
  const compiled = 'compile' in query ? query.compile() : query;
  return guard === undefined ? { query: compiled } : { query: compiled, guard };
}

/** Values that both engines bind alike: booleans are 0 or 1, times are epoch milliseconds, JSON is text. */
export type Parameter = string | number | bigint | Uint8Array | null;

class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/**
 * Compiles a statement once; the function that it returns fills in the values, at the cost of an array.
 * `sample` names the parameters and gives their types; `build` uses them only where a value is bound.
 *
 *     const rename = compileOnce({ id: '', name: '' }, (value) =>
 *       store.db.updateTable('groups').set({ name: value.name }).where('id', '=', value.id));
 *     await store.write([step(rename({ id, name }))]);
 */
export function compileOnce<Sample extends Readonly<Record<string, Parameter>>, Row>(
  sample: Sample,
  build: (value: Sample) => Compilable<Row>,
): (values: Sample) => CompiledQuery<Row> {
  const placeholders = new Map(Object.keys(sample).map((name) => [name, new Placeholder(name)]));
  const compiled = build(Object.fromEntries(placeholders) as unknown as Sample).compile();
  for (const [name, placeholder] of placeholders) {
    if (!compiled.parameters.includes(placeholder)) {
      throw new Error(`the parameter ${name} is not bound anywhere in: ${compiled.sql}`);
    }
  }
  const slots = compiled.parameters.map((value) => (value instanceof Placeholder ? value.name : null));
  return (values) => ({
    ...compiled,
    parameters: slots.map((name, index) => (name === null ? compiled.parameters[index] : values[name])),
  });
}

/** Makes something once for each store, for instance a statement that is compiled once. */
export function perStore<Made>(make: (store: Store) => Made): (store: Store) => Made {
  const made = new WeakMap<Store, Made>();
  return (store) => {
    const known = made.get(store);
    if (known !== undefined) return known;
    const fresh = make(store);
    made.set(store, fresh);
    return fresh;
  };
}
