// Reads server-sent events (WHATWG HTML, section 9.2.6) from bytes, whatever their chunks are.
export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Yields each event that is complete; comments and events without data are passed over. */
export async function* readEventStream(source: AsyncIterable<Uint8Array>): AsyncIterable<ReceivedEvent> {
  let fields = { id: '', event: 'message', data: [] as string[] };
  for await (const line of readLines(source)) {
    if (line === '') {
      if (fields.data.length > 0) yield { id: fields.id, event: fields.event, data: fields.data.join('\n') };
      fields = { id: fields.id, event: 'message', data: [] };
      continue;
    }
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'data') fields.data.push(value);
    else if (name === 'event') fields.event = value === '' ? 'message' : value;
    else if (name === 'id' && !value.includes('\0')) fields.id = value;
  }
}

/** Lines end with CR LF, LF or CR; what stands behind the last end is no line. */
async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    // A CR at the very end may be the first half of a CR LF, so it waits.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest.endsWith('\r')) yield rest.slice(0, -1);
}
