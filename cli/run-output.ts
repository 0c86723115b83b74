// The output of a run as its reader gets it: text that was cut in the middle of a character or of a control sequence
// is put together again, for each stream of each operation.
import { StringDecoder } from 'node:string_decoder';
import type { RunEvent } from '../protocol/api/runs.ts';
import type { Printer } from './print.ts';
import { openStripper } from './strip-controls.ts';
import type { Stripper } from './strip-controls.ts';

export interface RunOutput {
  write(event: Extract<RunEvent, { kind: 'output' }>): void;
  /** Shows what was kept back, when nothing more comes. */
  end(): void;
}

/** `raw` passes the bytes on as they are, control sequences included. */
export function openRunOutput(print: Pick<Printer, 'bytes'>, raw: boolean): RunOutput {
  const streams = new Map<string, { readonly decoder: StringDecoder; readonly stripper: Stripper }>();
  const show = (text: string): void => {
    if (text !== '') print.bytes(Buffer.from(text));
  };
  return {
    write({ attempt, operation, stream, bytes }) {
      const decoded = Buffer.from(bytes, 'base64');
      if (raw) {
        print.bytes(decoded);
        return;
      }
      const key = JSON.stringify([attempt, operation, stream]);
      const open = streams.get(key) ?? { decoder: new StringDecoder('utf8'), stripper: openStripper() };
      streams.set(key, open);
      show(open.stripper.push(open.decoder.write(decoded)));
    },
    end() {
      for (const { decoder, stripper } of streams.values()) {
        show(stripper.push(decoder.end()) + stripper.end());
      }
      streams.clear();
    },
  };
}
