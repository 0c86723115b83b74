// Entry of the reader thread: one read-only connection, so that lists and pages of output never wait for a commit
// and never block the main thread.
import { parentPort } from 'node:worker_threads';
import { openReadingConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { describeFailure } from './failure.ts';
import type { Answer, FromThread, ThreadSettings, ToThread } from './messages.ts';
import { readSnapshot } from './read-snapshot.ts';
import { packAnswers, unpackRequests } from './packing.ts';
import { openKnownTexts, openLearntTexts } from './texts.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a thread');
const send = (message: FromThread) => {
  port.postMessage(message);
};

/** How long an answer waits for others to go with. */
const answersMsMax = 1;

function serve(connection: Connection): void {
  const texts = openLearntTexts();
  const columns = openKnownTexts();
  port?.on('message', (message: Exclude<ToThread, { open: unknown }>) => {
    if ('close' in message) {
      connection.close();
      port?.close();
      return;
    }
    if (message.now !== undefined) connection.setNow(message.now);
    let answers: [number, Answer][] = [];
    let since = performance.now();
    for (const [id, statements] of unpackRequests(message.requests, texts)) {
      answers.push([id, readSnapshot(connection, statements)]);
      // One message for many quick answers; nobody waits for a slow one behind theirs.
      if (performance.now() - since < answersMsMax) continue;
      send({ answers: packAnswers(answers, columns) });
      answers = [];
      since = performance.now();
    }
    if (answers.length > 0) send({ answers: packAnswers(answers, columns) });
  });
}

// The first message opens; it comes when the writer has made the database.
port.once('message', ({ open }: { readonly open: ThreadSettings }) => {
  try {
    serve(openReadingConnection(open.path, open.now));
    send({ ready: {} });
  } catch (cause) {
    send({ unusable: describeFailure(cause, '') });
    port.close();
  }
});
