// Loaded before a program of the product (`--import`), unchanged as that is: notes when it calls the functions of the
// platform through which a press passes, and writes the notes to a file now and then. Each thread has its own file.
import { ChildProcess } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { StatementSync } from 'node:sqlite';
import { isMainThread, threadId, Worker } from 'node:worker_threads';
import { WebSocket } from 'ws';
import type { RequestBatch } from '../../control-plane/store/sqlite/messages.ts';
import { unpackRequests } from '../../control-plane/store/sqlite/packing.ts';
import { openLearntTexts } from '../../control-plane/store/sqlite/texts.ts';
import type { LearntTexts } from '../../control-plane/store/sqlite/texts.ts';
import { machineMs } from '../clock.ts';

const folder = process.env['BENCH_TRACE'] ?? '';
const file = join(folder, `${process.pid}-${threadId}.trace`);
const flushEveryMs = 250;
/** Before the JSON of a record of the journal. */
const recordHeadBytes = 10;
const notes: string[] = [];
const appendFileSync = fs.appendFileSync;

function note(label: string, detail = ''): void {
  notes.push(`${machineMs()}\t${label}\t${detail}\n`);
}

function flush(): void {
  if (notes.length > 0) appendFileSync(file, notes.splice(0).join(''));
}

setInterval(flush, flushEveryMs).unref();
process.on('exit', flush);

/** Puts `around` in the place of a method, with everything that hangs on the function. */
function wrap<Key extends string>(
  holder: Record<Key, unknown>,
  name: Key,
  around: (original: (...args: unknown[]) => unknown, self: unknown, args: unknown[]) => unknown,
): void {
  const original = holder[name] as (...args: unknown[]) => unknown;
  const wrapper = function (this: unknown, ...args: unknown[]): unknown {
    return around(original, this, args);
  };
  Object.defineProperties(wrapper, Object.getOwnPropertyDescriptors(original));
  Object.defineProperty(holder, name, { value: wrapper, configurable: true, writable: true });
}

/** The type of a frame or of a record of the journal, near its beginning. */
function typeOf(text: unknown): string {
  return /"type":"([a-z_]+)"/.exec(String(text).slice(0, 64))?.[1] ?? '';
}

if (isMainThread) {
  subscribe('http.server.request.start', (message) => {
    const { request } = message as { request: { method: string; url: string } };
    note('http', `${request.method} ${request.url}`);
  });
  wrap(WebSocket.prototype as never, 'send', (original, self, args) => {
    note('send', typeOf(args[0]));
    return original.apply(self, args);
  });
  wrap(WebSocket.prototype as never, 'emit', (original, self, args) => {
    if (args[0] === 'message') note('receive', typeOf((args[1] as Buffer).subarray(0, 64)));
    return original.apply(self, args);
  });
  // The store sends each text of a statement once to each of its threads, and a number from then on.
  const textsOf = new WeakMap<object, LearntTexts>();
  wrap(Worker.prototype as never, 'postMessage', (original, self, args) => {
    const { requests } = args[0] as Partial<RequestBatch>;
    const texts = textsOf.get(self as object) ?? openLearntTexts();
    textsOf.set(self as object, texts);
    for (const [, statements] of requests === undefined ? [] : unpackRequests(requests, texts)) {
      const writes = statements.some(({ sql }) => /^(insert|update|delete)/i.test(sql));
      note(writes ? 'unit' : 'read', String(statements.length));
    }
    return original.apply(self, args);
  });
  wrap(Worker.prototype as never, 'emit', (original, self, args) => {
    if (args[0] === 'message') note('answer');
    return original.apply(self, args);
  });
  wrap(ChildProcess.prototype as never, 'spawn', (original, self, args) => {
    note('spawn');
    const answer = original.apply(self, args);
    note('spawned');
    return answer;
  });
  let written = '';
  wrap(fs as never, 'writeSync', (original, self, args) => {
    const bytes = args[1];
    // A record of the journal begins with its number; those of the spool do not.
    const head = Buffer.isBuffer(bytes) ? bytes.toString('latin1', recordHeadBytes, 128) : '';
    if (head.startsWith('{"n":')) {
      written = typeOf(head);
      note('write', written);
    }
    return original.apply(self, args);
  });
  wrap(fs as never, 'fdatasync', (original, self, args) => {
    const flushing = written;
    const done = args.pop() as (...answer: unknown[]) => void;
    return original.apply(self, [
      ...args,
      (...answer: unknown[]) => {
        note('flushed', flushing);
        done(...answer);
      },
    ]);
  });
  syncBuiltinESMExports();
} else {
  const commit = 'commit';
  for (const method of ['run', 'all'] as const) {
    wrap(StatementSync.prototype as never, method, (original, self, args) => {
      const isCommit = (self as StatementSync).sourceSQL === commit;
      if (isCommit) note('commit');
      const answer = original.apply(self, args);
      if (isCommit) note('committed');
      return answer;
    });
  }
}
