// The part of @cdktn/hcl-tools that the tests use. Its own declarations pull the types of a browser into the whole
// program, where they contradict those of Node.js.

/** The text in canonical layout, or as it is where it is not valid. */
export function format(hcl: string): Promise<string>;
