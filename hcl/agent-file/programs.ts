// Programs that read one of their arguments as program text or as a command line (rules.md 22): where that text
// stands. What is not listed is an ordinary program, whose arguments are data.

/** How a program reads its arguments. */
export type Grammar =
  /** The first operand is a script, text or file, and what follows it is data. */
  | {
      readonly reads: 'script';
      /** Options whose operand is the script instead: no other is expected then. */
      readonly code: readonly string[];
      /** Options whose operand is loaded or changes how the script is read. */
      readonly load: readonly string[];
      /** Options whose operands, as many as said, are data. */
      readonly data: ReadonlyMap<string, number>;
      /** True when the word after the script of `-c` is the script's `$0`. */
      readonly shell: boolean;
    }
  /** Only what follows one of these options is program text. */
  | { readonly reads: 'options'; readonly code: readonly string[] }
  /** Everything after the name is, except behind the `file` options, which name a script and end the reading. */
  | { readonly reads: 'everything'; readonly file: readonly string[] }
  /** The rest is a command line, after options and a number of operands of its own. */
  | {
      readonly reads: 'command';
      /** One of these words comes first, where there are any. */
      readonly verbs: readonly string[];
      readonly operands: number;
      /** Options with an operand, options without, and options after which the rest is text for a shell. */
      readonly data: readonly string[];
      readonly switches: readonly string[];
      readonly shell: readonly string[];
      readonly assignments: boolean;
      /** The command stands behind `--`, and only there. */
      readonly dashes: boolean;
    };

export interface Program {
  readonly grammar: Grammar;
  /** True when the name is also an everyday word: it then counts only where a command is expected. */
  readonly everyday: boolean;
}

const programs = new Map<string, Program>();

function words(text: string): readonly string[] {
  return text.split(' ').filter((word) => word !== '');
}

function add(names: string, grammar: Grammar, everyday = false): void {
  for (const name of words(names)) programs.set(name, { grammar, everyday });
}

function script(
  names: string,
  given: { code?: string; load?: string; data?: string; shell?: boolean } = {},
): void {
  const { code = '', load = '', data = '', shell = false } = given;
  const counts = words(data).map(
    (word) => [word.replace(/\/\d$/, ''), Number(/\d$/.exec(word)?.[0] ?? 1)] as const,
  );
  add(names, { reads: 'script', code: words(code), load: words(load), data: new Map(counts), shell });
}

function options(names: string, code: string): void {
  add(names, { reads: 'options', code: words(code) }, true);
}

interface CommandOptions {
  readonly verbs?: string;
  readonly operands?: number;
  readonly data?: string;
  readonly switches?: string;
  readonly shell?: string;
  readonly assignments?: boolean;
  readonly dashes?: boolean;
  readonly everyday?: boolean;
}

function command(names: string, given: CommandOptions = {}): void {
  const { verbs = '', operands = 0, data = '', switches = '', shell = '' } = given;
  const { assignments = false, dashes = false, everyday = false } = given;
  const lists = { verbs: words(verbs), data: words(data), switches: words(switches), shell: words(shell) };
  add(names, { reads: 'command', operands, assignments, dashes, ...lists }, everyday);
}

// Shells and languages. A shell's `-c` is a switch: the script is its first operand either way, and what follows
// the script are its positional parameters, which is where an input may go. `/2` counts operands.
script('sh bash dash ash zsh ksh ksh93 mksh yash fish csh tcsh rbash', {
  load: '-o +o -O +O --rcfile --init-file --init-command -C',
  shell: true,
});
script('python pypy ipython', { load: '-W -X --check-hash-based-pycs' });
script('perl raku', { code: '-e -E', load: '-I -M -m' });
script('ruby', { code: '-e', load: '-r -I -C -E' });
script('node nodejs bun deno tsx ts-node', {
  code: '-e --eval -p --print -pe eval',
  load: '-r --require --import --loader --experimental-loader --env-file -C --conditions',
  data: 'run/0',
});
script('php', { code: '-r -B -R -E -f -F', load: '-d -c -z' });
script('lua luajit texlua', { code: '-e', load: '-l' });
script('rscript julia elixir groovy scala guile racket sbcl clisp ghci ocaml tclsh wish swipl osascript', {
  load: '-e -E -c -l --eval --expr -eval',
});
script('awk gawk mawk nawk', {
  code: '-e --source -f --file',
  load: '-i -l --include --load',
  data: '-v --assign -F --field-separator',
});
script('sed gsed', { code: '-e --expression -f --file' });
script('jq yq', {
  code: '-f --from-file',
  load: '-L --indent',
  data: '--arg/2 --argjson/2 --slurpfile/2 --rawfile/2',
});
script('expect', { code: '-c' });
options('vim vi nvim emacs ed ex', '-c --cmd --eval -eval --execute -S -s');
options('gdb lldb', '-ex -iex --eval-command -o --one-line -x');
options('psql mysql mariadb mongosh mongo clickhouse-client', '-c --command -e --execute --eval');
options('git', '-c -x --exec --upload-pack --receive-pack --config-env --config');
options('tar bsdtar', '-I --use-compress-program --to-command --checkpoint-action --rsh-command');
options('rsync', '-e --rsh --rsync-path');
options('scp sftp', '-o -S');
options('ansible ansible-playbook', '-a --args -e --extra-vars');
options('nix nix-shell', '-c --command --run');
options('vagrant gcloud az fly flyctl heroku', '-c -C --command');
options('find', '-exec -execdir -ok -okdir');

const everything: Grammar = { reads: 'everything', file: [] };
add('ssh rsh mosh plink autossh eval su cmd sqlite3 wsl', everything);
add('powershell pwsh', { reads: 'everything', file: ['-file', '-f'] });
add('watch parallel script runuser make gmake at batch', everything, true);

// Programs that start another.
command('sudo doas', {
  data: '-u -g -h -p -C -D -R -T -r -t -U --user --group --host --prompt --chdir',
  switches: '-n -E -H -k -S -b -A -P --non-interactive --preserve-env --set-home --stdin',
  shell: '-s -i --shell --login',
});
command('env', {
  data: '-u -C --unset --chdir',
  switches: '-i -0 -v - --ignore-environment --null --debug',
  shell: '-S --split-string -vS -iS',
  assignments: true,
  everyday: true,
});
command('timeout', {
  operands: 1,
  data: '-s -k --signal --kill-after',
  switches: '-v -f -p --foreground --preserve-status --verbose',
});
command('nice ionice', { data: '-n -c -p -P -u --adjustment --class', switches: '-t', everyday: true });
command('nohup setsid busybox toybox fakeroot dumb-init unbuffer caffeinate', { switches: '-c -w -f' });
command('stdbuf', { data: '-i -o -e' });
command('time command builtin exec', { data: '-f -o -a', switches: '-p -v -c -l', everyday: true });
command('chroot gosu su-exec setuidgid', { operands: 1 });
command('flock', { operands: 1, data: '-w -E', switches: '-n -x -s -e -o -u -F', shell: '-c --command' });
command('taskset chrt', { operands: 1, switches: '-a -f -r -b -i -o' });
command(
  'setpriv unshare nsenter prlimit numactl chpst runcon systemd-run strace ltrace valgrind bwrap firejail',
);
command('tini', { data: '-p -e', switches: '-s -g -v -w' });
command('xargs', {
  data: '-I -n -P -L -d -E -s -a --max-args --max-procs --replace --delimiter --arg-file',
  switches: '-0 -r -t -p -x --null --no-run-if-empty --verbose',
});
command('npx pnpx bunx uvx');
command('direnv op chamber aws-vault doppler mise poetry pipenv uv bundle', {
  verbs: 'exec run x',
  everyday: true,
});
command('docker docker-compose podman podman-compose nerdctl crictl lxc', {
  verbs: 'exec run',
  operands: 1,
  data: '-e --env --env-file -u --user -w --workdir -v --volume --name --network --net -p --publish --mount -h --hostname -m --memory --cpus -l --label --platform --pull',
  switches: '-i -t -it -ti -d -T --rm --interactive --tty --detach --privileged --init --read-only',
  shell: '--entrypoint',
  everyday: true,
});
command('kubectl oc k3s microk8s', { verbs: 'exec run debug', dashes: true, everyday: true });

/** The program that a word names, with or without folder, `.exe` and version: `/usr/bin/python3.12`. */
export function programNamed(word: string): Program | null {
  const base = (word.split(/[/\\]/).at(-1) ?? '').toLowerCase().replace(/\.(exe|cmd|bat|com)$/, '');
  return programs.get(base) ?? programs.get(base.replace(/[-.]?\d[\d.]*$/, '')) ?? null;
}
