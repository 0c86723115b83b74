// Lines of a file or a stream, none longer than a limit.
import { Failure } from '../protocol/failures.ts';

/**
 * Yields each line without its end (LF); a last one without an end counts, too. Throws `invalid_configuration` for a
 * longer one.
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array | string>,
  charactersMax: number,
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
    if (rest.length > charactersMax) {
      throw new Failure('invalid_configuration', `A line is longer than ${charactersMax} characters.`);
    }
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
