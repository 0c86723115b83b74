// Entry of the writer thread: the only connection that writes. It empties its queue into one commit per turn.
import { parentPort } from 'node:worker_threads';
import { openWritingConnection } from './connection.ts';
import type { Connection } from './connection.ts';
import { describeFailure } from './failure.ts';
import { commitBatch } from './group-commit.ts';
import type { Unit } from './group-commit.ts';
import type { FailureMessage, FromThread, ThreadSettings, ToThread } from './messages.ts';
import { prepareDatabase } from './prepare-database.ts';
import { packAnswers, unpackRequests } from './packing.ts';
import { openKnownTexts, openLearntTexts } from './texts.ts';

const port = parentPort;
if (port === null) throw new Error('this file is the entry of a thread');
const send = (message: FromThread) => {
  port.postMessage(message);
};

function serve(connection: Connection): void {
  const queue: Unit[] = [];
  const texts = openLearntTexts();
  const columns = openKnownTexts();
  let scheduled = false;
  let closing = false;
  let fatal: FailureMessage | null = null;

  const turn = () => {
    scheduled = false;
    if (queue.length > 0) {
      const begun = performance.now();
      const committed = commitBatch(connection, queue, () => performance.now());
      const commitMs = performance.now() - begun;
      const answers = packAnswers(committed.answers, columns);
      fatal = committed.fatal ?? null;
      send(fatal === null ? { answers, commitMs } : { answers, fatal });
    }
    if (fatal !== null) return;
    if (queue.length > 0) schedule();
    else if (closing) finish();
  };
  // All messages that are here already are delivered before this runs, so that they share the commit.
  const schedule = () => {
    if (!scheduled) setImmediate(turn);
    scheduled = true;
  };
  const finish = () => {
    connection.close();
    port?.close();
  };

  port?.on('message', (message: Exclude<ToThread, { open: unknown }>) => {
    if ('close' in message) {
      closing = true;
      if (fatal !== null) finish();
      else schedule();
      return;
    }
    if (fatal !== null) {
      const failure = fatal;
      const refused = unpackRequests(message.requests, texts).map(([id]) => [id, { failure }] as const);
      send({ answers: packAnswers(refused, columns), fatal });
      return;
    }
    if (message.now !== undefined) connection.setNow(message.now);
    queue.push(...unpackRequests(message.requests, texts));
    schedule();
  });
}

// The first message opens; the thread is started before, because that takes longer than anything else.
port.once('message', ({ open }: { readonly open: ThreadSettings }) => {
  try {
    const connection = openWritingConnection(open.path, open.now);
    const identity = prepareDatabase(connection, open.trustDomain);
    serve(connection);
    send({ ready: { ...identity } });
  } catch (cause) {
    send({ unusable: describeFailure(cause, '') });
    port.close();
  }
});
