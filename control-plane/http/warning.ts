// A warning beside an answer that is a good one (RFC 7234, section 5.5): for instance that a grace is under way.

/** None where there is nothing to warn of. `299` stays until somebody does something about it. */
export function warningHeader(text: string | null): Readonly<Record<string, string>> {
  return text === null ? {} : { warning: `299 wayside "${text.replaceAll(/["\\]/g, '')}"` };
}
