// A small process that outlives the agent by a moment: it holds the other end of a pipe, and when the agent dies,
// also by SIGKILL, it kills at once what the agent had started (dispatch.md, "agent process"). It is a shell, which
// needs a megabyte and two milliseconds, and knows nothing but numbers.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { runTag } from './processes.ts';

export interface Kept {
  /** Process group of the operation. */
  readonly group: number;
  readonly runId: string;
}

/** A container that must not outlive the agent: `engine` is the program that can kill it by name. */
export interface KeptContainer {
  readonly engine: string;
  readonly name: string;
}

export interface Keeper {
  watch(kept: Kept): void;
  forget(kept: Kept): void;
  watchContainer(kept: KeptContainer): void;
  forgetContainer(kept: KeptContainer): void;
  /** Path of a control group of which nothing may outlive the agent. */
  watchFence(path: string): void;
  forgetFence(path: string): void;
  /** Ends the keeper without killing anything. */
  close(): void;
}

/**
 * Reads lines `watch ITEM` and `forget ITEM`, where an item is `group:GROUP:RUN`, `container:ENGINE:NAME` or
 * `fence:PATH:`. At the end of input it kills groups and fences at once (the kernel lets no member of a group fork past
 * that, and what is frozen forks nothing), then what carries the tag and left its group, again until nothing is found
 * or five seconds have passed. The last line `done` means that the agent left in order. Items hold no spaces and no
 * shell characters.
 */
const script = `
trap '' HUP INT QUIT TERM PIPE
items=' '
while read -r verb item; do
  case "$verb" in
    watch) items="$items$item " ;;
    forget) case "$items" in *" $item "*) items="\${items%% "$item" *} \${items#* "$item" }" ;; esac ;;
    done) exit 0 ;;
  esac
done
round=0
while [ "$round" -lt 50 ]; do
  alive=
  for item in $items; do
    kind="\${item%%:*}" rest="\${item#*:}"
    first="\${rest%%:*}" second="\${rest#*:}"
    if [ "$kind" = fence ]; then
      [ "$round" = 0 ] && echo 1 2>/dev/null > "$first/cgroup.freeze"
      while read -r thread; do
        kill -s KILL "$thread" 2>/dev/null && alive=yes
      done 2>/dev/null < "$first/cgroup.threads"
      continue
    fi
    if [ "$kind" = container ]; then
      [ "$round" = 0 ] && "$first" kill "$second" >/dev/null 2>&1 &
      continue
    fi
    [ "$round" = 0 ] && kill -s KILL -- "-$first" 2>/dev/null
    for file in $(grep -lszxF "${runTag}=$second" /proc/[0-9]*/environ 2>/dev/null); do
      file="\${file#/proc/}"
      kill -s KILL "\${file%%/*}" 2>/dev/null && alive=yes
    done
  done
  [ -z "$alive" ] && exit 0
  sleep 0.1
  round=$((round + 1))
done
`;

/**
 * Starts the keeper with the first thing to watch, and again if someone killed it. `env` has the PATH of grep and
 * sleep, and what container engines are configured by. Without a shell there is no keeper, and a restarted agent
 * cleans up instead.
 */
export function createKeeper({ env }: { readonly env: Readonly<Record<string, string>> }): Keeper {
  const watched = new Set<string>();
  let shell: ChildProcess | null = null;

  function start(): ChildProcess {
    const child = spawn('/bin/sh', ['-c', script, 'wayside-keeper'], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      env,
      cwd: '/',
    });
    const gone = (): void => {
      if (shell === child) shell = null;
    };
    child.on('error', gone);
    child.on('exit', gone);
    child.stdin?.on('error', gone);
    // It must not keep the agent alive.
    child.unref();
    if (child.stdin !== null && 'unref' in child.stdin) (child.stdin as unknown as { unref(): void }).unref();
    return child;
  }

  function say(verb: 'watch' | 'forget', item: string): void {
    if (!/^[A-Za-z0-9:._/@-]+$/.test(item)) return;
    if (verb === 'watch') watched.add(item);
    else watched.delete(item);
    if (shell === null) {
      if (watched.size === 0) return;
      shell = start();
      for (const each of watched) shell.stdin?.write(`watch ${each}\n`);
      return;
    }
    shell.stdin?.write(`${verb} ${item}\n`);
  }

  const groupItem = ({ group, runId }: Kept): string => `group:${group}:${runId}`;
  const containerItem = ({ engine, name }: KeptContainer): string => `container:${engine}:${name}`;
  return {
    watch: (kept) => {
      say('watch', groupItem(kept));
    },
    forget: (kept) => {
      say('forget', groupItem(kept));
    },
    watchContainer: (kept) => {
      say('watch', containerItem(kept));
    },
    forgetContainer: (kept) => {
      say('forget', containerItem(kept));
    },
    watchFence: (path) => {
      say('watch', `fence:${path}:`);
    },
    forgetFence: (path) => {
      say('forget', `fence:${path}:`);
    },
    close: () => {
      shell?.stdin?.end('done\n');
      shell = null;
      watched.clear();
    },
  };
}
