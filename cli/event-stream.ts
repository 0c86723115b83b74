// Reads server-sent events (WHATWG HTML, section 9.2.6) from bytes, whatever their chunks are.
export interface ReceivedEvent {
  readonly id: string;
  readonly event: string;
  readonly data: string;
}

/** Yields each event that is complete; comments and events without data are passed over. */
export async function* readEventStream(source: AsyncIterable<Uint8Array>): AsyncIterable<ReceivedEvent> {
  const decoder = new TextDecoder();
  let rest = '';
  let fields = { id: '', event: 'message', data: [] as string[] };
  for await (const chunk of source) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') {
        if (fields.data.length > 0)
          yield { id: fields.id, event: fields.event, data: fields.data.join('\n') };
        fields = { id: fields.id, event: 'message', data: [] };
        continue;
      }
      const colon = line.indexOf(':');
      const name = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') fields.data.push(value);
      else if (name === 'event') fields.event = value;
      else if (name === 'id' && !value.includes('\0')) fields.id = value;
    }
  }
}
