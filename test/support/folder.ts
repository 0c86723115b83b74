// A temporary folder that goes with the test.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Folder extends Disposable {
  readonly path: string;
}

/** The real path of a new folder, so that comparisons with real paths hold on every system. */
export function openFolder(): Folder {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'wayside-test-')));
  return {
    path,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}
