// Ends a process and removes its folder when this process is gone, however it went: nobody clears up after a SIGKILL.
import { spawn } from 'node:child_process';

export interface Watch {
  /** The process to end; null while there is none. */
  over(pid: number | null): void;
  /** Ends the watch, and the folder with it. */
  close(): void;
}

/**
 * The last line on its input is what is to be ended. The input is a pipe that only we hold, so its end is ours. It asks
 * the process to end at once (SIGQUIT is PostgreSQL's immediate shutdown, which takes its children along).
 */
const script = `
  pid=
  while read -r line; do pid=$line; done
  if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
    tries=0
    while kill -0 "$pid" 2>/dev/null && [ "$tries" -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  fi
  rm -rf -- "$1"
`;

/** In a session of its own, so that what interrupts us does not interrupt it. */
export function endWithUs(folder: string): Watch {
  const watcher = spawn('/bin/sh', ['-c', script, 'wayside-test-watch', folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  watcher.unref();
  // Somebody killed it: then there is nobody to tell.
  watcher.stdin.on('error', () => undefined);
  (watcher.stdin as unknown as { unref(): void }).unref();
  return {
    over: (pid) => void watcher.stdin.write(`${pid ?? ''}\n`),
    close: () => void watcher.stdin.end(),
  };
}
