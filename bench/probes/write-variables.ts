// A client in a thread of its own: changes variables over HTTP, as many at a time as it has connections.
import { parentPort } from 'node:worker_threads';
import { Pool } from 'undici';

export interface WriteOrder {
  readonly url: string;
  readonly token: string;
  readonly writes: number;
  readonly connections: number;
}

let pool: Pool | null = null;

async function write({ url, token, writes, connections }: WriteOrder): Promise<void> {
  // Connections stay open from one order to the next; how many are used is the order's.
  pool ??= new Pool(url, { pipelining: 1 });
  const client = pool;
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  let left = writes;
  // Each has a variable of its own, so that none waits for another's revision.
  const one = async (connection: number): Promise<void> => {
    while (left > 0) {
      left -= 1;
      const answer = await client.request({
        method: 'PUT',
        path: `/v1/projects/default/variables/bench-${connection}`,
        headers,
        body: JSON.stringify({ value: `value-${left}`, sensitive: false }),
      });
      const text = await answer.body.text();
      if (answer.statusCode >= 300) throw new Error(`${answer.statusCode}: ${text}`);
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, connection) => one(connection)));
}

parentPort?.on('message', (order: WriteOrder) => {
  void write(order).then(
    () => parentPort?.postMessage('done'),
    (cause: unknown) =>
      setImmediate(() => {
        throw cause;
      }),
  );
});
