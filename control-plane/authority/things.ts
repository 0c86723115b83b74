// What bindings can be made on inside of a project. The nouns know where their things are and what the inputs of their
// actions are; the authority only asks them, so that it imports none.

/** Kinds of things in the path of a level: `projects/<p>/<kind>/<id>`. */
export const thingKinds = ['actions', 'groups', 'applications'] as const;
export type ThingKind = (typeof thingKinds)[number];

export interface Located {
  /** `<kind>/<id>`. */
  readonly thing: string;
  /** Things of the same project whose bindings reach it, for instance the group of an action. */
  readonly above: readonly string[];
  readonly name: string;
}

export interface Things {
  /** By id or name; null where there is none. */
  locate(
    kind: ThingKind,
    at: { readonly project: string; readonly reference: string },
  ): Promise<Located | null>;
  /** The first of these inputs that some operation at the level has ever declared as sensitive, or null. */
  sensitiveAmong(
    inputs: readonly string[],
    at: { readonly projects: readonly string[]; readonly thing: string | null },
  ): Promise<string | null>;
}

/** Where nobody has said what there is. */
export const noThings: Things = {
  locate: () => Promise.resolve(null),
  sensitiveAmong: () => Promise.resolve(null),
};

export function isThingKind(word: string): word is ThingKind {
  return (thingKinds as readonly string[]).includes(word);
}
