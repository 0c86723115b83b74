// The way of a process's or an answer's bytes to the sink: masked on the way, the last line kept for later
// expressions, withheld as a whole where the operation is sensitive.
import { lastLineBytesMax } from '../../protocol/limits.ts';
import type { MaskStream } from '../redact.ts';
import { say } from './operation.ts';
import type { OperationContext } from './operation.ts';

export interface OutputWay {
  /** Resolves when there is room for more. */
  write(stream: 'stdout' | 'stderr', chunk: Uint8Array): Promise<void>;
  /** Says what was held back; `cut` when the source was stopped in the middle. */
  end(options: { readonly cut: boolean }): Promise<void>;
  /** The last line of stdout that is not empty, without its end, up to a limit. */
  lastLine(): Uint8Array;
}

export function createOutputWay(
  context: Pick<OperationContext, 'sink' | 'masks' | 'title' | 'definition'>,
): OutputWay {
  const { sink, masks, title, definition } = context;
  const streams: Readonly<Record<'stdout' | 'stderr', MaskStream>> = {
    stdout: masks.stream(),
    stderr: masks.stream(),
  };
  const line = createLastLine();
  let withheldBytes = 0;

  async function send(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await sink.output({ operation: title, stream, bytes });
  }

  return {
    write: async (stream, chunk) => {
      if (stream === 'stdout') line.add(chunk);
      if (definition.sensitive) withheldBytes += chunk.length;
      else await send(stream, streams[stream].push(chunk));
    },
    end: async ({ cut }) => {
      await send('stdout', streams.stdout.end({ cut }));
      await send('stderr', streams.stderr.end({ cut }));
      if (withheldBytes > 0) {
        await say(
          context,
          `wayside: ${withheldBytes} bytes are not shown, because the operation is sensitive.`,
        );
      }
    },
    lastLine: () => line.text(),
  };
}

interface LastLine {
  add(chunk: Uint8Array): void;
  text(): Uint8Array;
}

const newline = 0x0a;

/** Keeps the beginning of the line under way and the last complete one, never more. */
export function createLastLine(): LastLine {
  let complete: Buffer = Buffer.alloc(0);
  let open: Buffer = Buffer.alloc(0);
  const extend = (bytes: Buffer): void => {
    const room = lastLineBytesMax - open.length;
    if (room > 0 && bytes.length > 0) open = Buffer.concat([open, bytes.subarray(0, room)]);
  };
  return {
    add: (chunk) => {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      const last = bytes.lastIndexOf(newline);
      if (last === -1) {
        extend(bytes);
        return;
      }
      // Of the lines that end in this chunk only the last one that is not empty can matter.
      let end = last;
      while (end > 0 && isLineEnd(bytes[end - 1])) end -= 1;
      const start = end === 0 ? -1 : bytes.lastIndexOf(newline, end - 1);
      if (start === -1) extend(bytes.subarray(0, end));
      else open = Buffer.from(bytes.subarray(start + 1, Math.min(end, start + 1 + lastLineBytesMax)));
      const text = trimEnd(open);
      if (text.length > 0) complete = text;
      open = Buffer.alloc(0);
      extend(bytes.subarray(last + 1));
    },
    text: () => {
      const text = trimEnd(open);
      return text.length > 0 ? text : complete;
    },
  };
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === newline || byte === 0x0d;
}

function trimEnd(bytes: Buffer): Buffer {
  let end = bytes.length;
  while (end > 0 && isLineEnd(bytes[end - 1])) end -= 1;
  return bytes.subarray(0, end);
}
