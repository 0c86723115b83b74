// The reference implementation as its users see it, through two packages that are compiled from it.
import { format } from '@cdktn/hcl-tools';
import reference from 'hcl2-json-parser';

export interface ReferenceVerdict {
  readonly accepts: boolean;
  /** `line:column` of every error, in no order. */
  readonly positions: readonly string[];
  readonly message: string;
}

/** What hcl2-json-parser thinks of a text's syntax. It also evaluates constants; what fails there was parsed before. */
export async function referenceVerdict(text: string): Promise<ReferenceVerdict> {
  try {
    await reference.parseToString(text);
    return { accepts: true, positions: [], message: '' };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!message.startsWith('parse config: ')) return { accepts: true, positions: [], message: '' };
    const positions = [...message.matchAll(/(?:^|[\s[]):(\d+),(\d+)(?:-\d+(?:,\d+)?)?: /g)];
    return {
      accepts: false,
      positions: positions.map((match) => `${match[1] ?? ''}:${match[2] ?? ''}`),
      message,
    };
  }
}

/** What @cdktn/hcl-tools makes of a text. */
export function referenceFormat(text: string): Promise<string> {
  return format(text);
}

/** What hcl2-json-parser gives for the attribute `a`: text evaluated, everything else as it is written. */
export async function referenceValue(text: string): Promise<unknown> {
  const value = (await reference.parseToObject(text)) as { readonly a?: unknown };
  return value.a;
}
