// Loading agent files: what they mean, with every default, and what is said about those that are wrong.
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { advertiseAction } from '../../../hcl/agent-file/advertise.ts';
import type { ActionDefinition } from '../../../hcl/agent-file/definition.ts';
import * as own from '../../../hcl/agent-file/limits.ts';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';
import { positionOf } from '../../../hcl/diagnostic.ts';
import { definitionSchema } from '../../../protocol/frames.ts';
import * as shared from '../../../protocol/limits.ts';

function load(...texts: readonly string[]) {
  return loadAgentFile(texts.map((text, at) => ({ name: `${at + 1}.hcl`, text })));
}

/** `file:line:column code` of each diagnostic. */
function says(...texts: readonly string[]): readonly string[] {
  return load(...texts).diagnostics.map(({ source, span, code, severity, summary }) => {
    const { line, column } = positionOf(source, span.start);
    return `${source.name}:${line}:${column} ${severity === 'warning' ? 'warning ' : ''}${code ?? summary}`;
  });
}

const inAction = (body: string): string => `group "g" {\n  action "a" {\n${body}\n  }\n}\n`;
const run = '    run {\n      command = ["true"]\n    }';

function action(body: string): ActionDefinition {
  const { file, diagnostics } = load(inAction(body));
  expect(diagnostics).toEqual([]);
  return file!.actions[0]!;
}

describe('an action', () => {
  it('has every default', () => {
    const { source, span, digest, operations, ...rest } = action(run);
    expect(rest).toEqual({
      group: 'g',
      name: 'a',
      description: '',
      timeoutMs: 3_600_000,
      idempotent: false,
      concurrency: null,
      token: false,
      compatibility: false,
      limits: {},
      runAs: null,
      inputs: [],
      declaresInputs: false,
      outputs: [],
      warnings: [],
    });
    expect(source.name).toBe('1.hcl');
    expect(source.text.slice(span.start, span.end)).toMatch(/^action "a" \{[^]*\}$/);
    expect(digest).toMatch(/^sha256:/);
    expect(operations).toMatchObject([
      {
        kind: 'run',
        name: 'run',
        index: 0,
        timeoutMs: null,
        onFailure: 'stop',
        always: false,
        sensitive: false,
        dir: null,
        env: null,
        docker: null,
      },
    ]);
  });

  it('has what its attributes say', () => {
    expect(
      action(`
    description = "d"
    timeout     = "1h30m"
    idempotent  = true
    concurrency = 3
    run_as      = "deploy"
    limits {
      max_per_hour = 6
      min_interval = "90s"
      quiet_hours  = "22:00-06:30 Europe/Berlin"
      max_parallel = 2
    }
${run}`),
    ).toMatchObject({
      description: 'd',
      timeoutMs: 5_400_000,
      idempotent: true,
      concurrency: 3,
      runAs: 'deploy',
      limits: {
        maxPerHour: 6,
        minIntervalMs: 90_000,
        maxParallel: 2,
        quietHours: { fromMinute: 1320, toMinute: 390, zone: 'Europe/Berlin' },
      },
    });
  });

  it('has its inputs in order, with their constraints', () => {
    const { inputs, declaresInputs } = action(`
    input "b" {
      pattern    = "^x$"
      min_length = 1
    }
    input "a" {
      type    = number
      min     = 0.5
      default = 1
    }
    input "l" {
      type    = list(string)
      default = ["x"]
    }
    input "n" { default = null }
${run}`);
    expect(declaresInputs).toBe(true);
    expect(inputs).toMatchObject([
      {
        name: 'b',
        type: { kind: 'string' },
        required: true,
        default: undefined,
        pattern: '^x$',
        minLength: 1,
      },
      {
        name: 'a',
        type: { kind: 'number' },
        required: false,
        default: { kind: 'number' },
        min: { coefficient: 5n, exponent: -1 },
      },
      { name: 'l', type: { kind: 'list' }, required: false, default: { kind: 'list' } },
      { name: 'n', required: false, default: null },
    ]);
    expect(inputs[0]).not.toHaveProperty('maxLength');
  });

  it('has an http operation with every default and every setting', () => {
    expect(action('http {\n url = "https://a/"\n}').operations[0]).toMatchObject({
      kind: 'http',
      name: 'http',
      method: 'GET',
      headers: null,
      query: null,
      body: null,
      requestTimeoutMs: 30_000,
      expect: { status: [{ from: 200, to: 299 }] },
      tls: null,
      followRedirects: 0,
      proxy: null,
      maxResponseBytes: null,
    });
    expect(
      action(`http {
      url              = "https://a/"
      method           = "post"
      body             = "x"
      timeout          = "1500ms"
      follow_redirects = 2
      proxy            = "http://p:1"
      max_response     = "2KiB"
      expect {
        status = ["2xx", 304, "400-404"]
      }
      tls {
        cert_file   = "/c"
        key_file    = "/k"
        min_version = "1.3"
      }
    }`).operations[0],
    ).toMatchObject({
      method: 'POST',
      requestTimeoutMs: 1_500,
      followRedirects: 2,
      proxy: 'http://p:1',
      maxResponseBytes: 2_048,
      expect: {
        status: [
          { from: 200, to: 299 },
          { from: 304, to: 304 },
          { from: 400, to: 404 },
        ],
      },
      tls: { caFile: null, certFile: '/c', keyFile: '/k', serverName: null, minVersion: 'TLSv1.3' },
    });
  });

  it('has operations in the order of the file, and a container with its options', () => {
    const { operations } = action(`
    operation {
      name       = "one"
      timeout    = "2m"
      on_failure = "continue"
      always     = true
      sensitive  = true
      run {
        command = "true"
        timeout = "1m"
        docker {
          image     = "alpine"
          pull      = "never"
          read_only = false
        }
      }
    }
    operation {
      status {
        message = "m"
      }
    }`);
    expect(operations).toMatchObject([
      {
        index: 0,
        name: 'one',
        timeoutMs: 60_000,
        onFailure: 'continue',
        always: true,
        sensitive: true,
        docker: { pull: 'never', readOnly: false, network: null },
      },
      { index: 1, name: null, kind: 'status', values: null, status: null },
    ]);
  });

  it('is advertised as the protocol wants it, without what only the private network may know', () => {
    const { file } = load(
      readFileSync(join(import.meta.dirname, '../../../examples/hcl/promote.hcl'), 'utf8'),
    );
    const advertised = file!.actions.map(advertiseAction);
    expect(definitionSchema.parse(advertised[0])).toEqual(advertised[0]);
    const wire = JSON.stringify(advertised);
    for (const secret of ['deployer.internal', 'DEPLOYER_KEY', 'printf', 'us-west-2'])
      expect(wire).not.toContain(secret);
  });
});

describe('the settings', () => {
  it('have every default', () => {
    expect(load('').file).toEqual({
      groups: [],
      actions: [],
      settings: {
        concurrency: 4,
        stateDir: null,
        shutdownGraceMs: 30_000,
        compatibility: false,
        envInherit: [],
        envAllow: [],
        filesAllow: [],
        runAs: null,
        limits: {},
        network: { allow: null, proxy: null, caFile: null },
        api: null,
        secrets: [],
      },
    });
  });

  it('have what the `agent` block of the design says', () => {
    const { file, diagnostics } = load(`agent {
  concurrency    = 4
  state_dir      = "/var/lib/wayside-agent"
  shutdown_grace = "30s"
  compatibility  = "hcp"
  env_inherit    = ["LANG"]
  env_allow      = ["DEPLOYER_KEY"]
  files_allow    = ["/etc/wayside/*.json"]
  network {
    allow   = ["10.0.0.0/8", "*.internal:443", "127.0.0.1:8080", "[::1]:80", "fd00::/8"]
    proxy   = "http://proxy.internal:3128"
    ca_file = "/etc/ssl/private-ca.pem"
  }
  secrets "file" {
    dir = "/run/secrets"
  }
  secrets "vault" {
    address = "https://vault.internal:8200"
    mount   = "kv"
  }
  secrets "vault" {
    address        = "https://vault.internal:8200"
    role_id        = "r"
    secret_id_file = "/s"
  }
}`);
    expect(diagnostics).toEqual([]);
    expect(file?.settings).toMatchObject({
      stateDir: '/var/lib/wayside-agent',
      compatibility: true,
      envAllow: ['DEPLOYER_KEY'],
      network: { proxy: 'http://proxy.internal:3128' },
      secrets: [
        { kind: 'file', dir: '/run/secrets' },
        { kind: 'vault', mount: 'kv', login: { method: 'token', tokenFile: null } },
        {
          kind: 'vault',
          mount: 'secret',
          login: { method: 'approle', roleId: 'r', secretIdFile: '/s', mount: 'approle' },
        },
      ],
    });
  });
});

describe('several files', () => {
  const more = 'group "g" {\n  action "b" {\n    run {\n      command = ["true"]\n    }\n  }\n}\n';

  it('continue a group', () => {
    const { file, diagnostics } = load(inAction(run), more);
    expect(diagnostics).toEqual([]);
    expect(file?.groups).toEqual(['g']);
    expect(file?.actions.map(({ name, source }) => [name, source.name])).toEqual([
      ['a', '1.hcl'],
      ['b', '2.hcl'],
    ]);
  });

  it('may not define an action twice, nor settings', () => {
    expect(says(inAction(run), inAction(run))).toEqual(['2.hcl:2:3 repeated_action']);
    expect(says('agent {\n}\n', 'agent {\n}\n')).toEqual(['2.hcl:1:1 repeated_block']);
  });

  it('have their errors told in their order', () => {
    expect(says('x = 1\ny = 2\n', 'z = 3\n')).toEqual([
      '1.hcl:1:1 unknown_attribute',
      '1.hcl:2:1 unknown_attribute',
      '2.hcl:1:1 unknown_attribute',
    ]);
  });
});

describe('what is wrong is said', () => {
  it.each([
    ['group "a b" {\n}\n', '1.hcl:1:7 invalid_name'],
    ['group "g" {\n  action "" {\n    status {\n    }\n  }\n}\n', '1.hcl:2:10 invalid_name'],
    [inAction(''), '1.hcl:2:3 missing_operation'],
    [inAction('operation {\n}'), '1.hcl:3:1 missing_operation'],
    [inAction(`operation {\nstatus {\n}\n}\nstatus {\n}`), '1.hcl:7:1 mixed_operations'],
    [inAction('operation {\nstatus {\n}\nrun {\ncommand = ["a"]\n}\n}'), '1.hcl:6:1 surplus_operation'],
    [inAction(`${run}\n${run}`), '1.hcl:6:5 surplus_operation'],
    [inAction('run {\n}'), '1.hcl:3:1 missing_attribute'],
    [inAction('run {\ncommand = 7\n}\ntimeout = "8d"'), '1.hcl:6:11 wrong_value'],
    [inAction(`timeout = "soon"\n${run}`), '1.hcl:3:11 wrong_value'],
    [inAction('run {\ncommand = { a = 1 }\n}'), '1.hcl:4:11 wrong_value'],
    [inAction('run {\ncommand = ["a", var.x...]\n}'), '1.hcl:4:22 Missing item separator'],
    [inAction('run {\ncommand = ["a"]\nenv = ["A"]\n}'), '1.hcl:5:7 wrong_value'],
    [inAction('run {\ncommand = ["a"]\nenv = { "a b" = "x" }\n}'), '1.hcl:5:9 invalid_name'],
    [inAction('http {\nurl = "ftp://a/"\n}'), '1.hcl:4:7 wrong_value'],
    [inAction('http {\nurl = "/x"\n}'), '1.hcl:4:7 wrong_value'],
    [inAction('http {\nurl = "http://a/"\nheaders = { Host = "x" }\n}'), '1.hcl:5:13 reserved_name'],
    [inAction('http {\nurl = "http://a/"\nheaders = { "a b" = "x" }\n}'), '1.hcl:5:13 invalid_name'],
    [inAction('http {\nurl = "http://a/"\nbody = "x"\n}'), '1.hcl:5:1 wrong_value'],
    [inAction('http {\nurl = "http://a/"\nmethod = "CONNECT"\n}'), '1.hcl:5:10 wrong_value'],
    [inAction('http {\nurl = "http://a/"\ntls {\ncert_file = "/c"\n}\n}'), '1.hcl:5:1 wrong_value'],
    [inAction('http {\nurl = "http://a/"\nexpect {\nstatus = [99]\n}\n}'), '1.hcl:6:10 wrong_value'],
    [inAction('status {\nstatus = "done"\n}'), '1.hcl:4:10 warning unknown_status'],
    [
      inAction(`${run}\noutput "x" {\nvalue = operation.nope.output\n}`),
      '1.hcl:7:19 unknown_operation_result',
    ],
    [
      inAction(`${run}\noutput "x" {\nvalue = operation.run.outptu\n}`),
      '1.hcl:7:23 unknown_operation_result',
    ],
    [inAction(`${run}\noutput "x" {\nvalue = operation\n}`), '1.hcl:7:9 unknown_operation_result'],
    [inAction(`${run}\noutput "x" {\nvalue = 1\n}\noutput "x" {\nvalue = 1\n}`), '1.hcl:9:8 repeated_block'],
    [
      inAction('operation {\nname = "a"\nstatus {\nmessage = operation.a.output\n}\n}'),
      '1.hcl:6:21 unknown_operation_result',
    ],
    [
      inAction('operation {\nname = "a"\nstatus {\n}\n}\noperation {\nname = "a"\nstatus {\n}\n}'),
      '1.hcl:9:8 repeated_name',
    ],
    [inAction(`input "1x" {\n}\n${run}`), '1.hcl:3:7 invalid_name'],
    [inAction(`input "x" {\n}\ninput "x" {\n}\n${run}`), '1.hcl:5:7 repeated_block'],
    [inAction(`input "x" {\ntype = strng\n}\n${run}`), '1.hcl:4:8 wrong_value'],
    [inAction(`input "x" {\npattern = "("\n}\n${run}`), '1.hcl:4:11 invalid_pattern'],
    [inAction(`input "x" {\npattern = "(?=a)"\n}\n${run}`), '1.hcl:4:11 invalid_pattern'],
    [inAction(`input "x" {\nmin = 1\n}\n${run}`), '1.hcl:4:1 wrong_constraint'],
    [inAction(`input "x" {\ntype = bool\noptions = [true]\n}\n${run}`), '1.hcl:5:1 wrong_constraint'],
    [inAction(`input "x" {\noptions = []\n}\n${run}`), '1.hcl:4:11 wrong_constraint'],
    [inAction(`input "x" {\noptions = ["a", "a"]\n}\n${run}`), '1.hcl:4:11 wrong_constraint'],
    [inAction(`input "x" {\ntype = number\noptions = ["a"]\n}\n${run}`), '1.hcl:5:11 wrong_constraint'],
    [inAction(`input "x" {\ntype = number\nmin = 2\nmax = 1\n}\n${run}`), '1.hcl:6:7 wrong_constraint'],
    [inAction(`input "x" {\npattern = "^a$"\ndefault = "b"\n}\n${run}`), '1.hcl:5:11 invalid_default'],
    [inAction(`input "x" {\ntype = number\ndefault = "b"\n}\n${run}`), '1.hcl:5:11 invalid_default'],
    [inAction(`input "x" {\nsensitive = true\ndefault = "b"\n}\n${run}`), '1.hcl:5:11 invalid_default'],
    [inAction(`input "x" {\n}\nrun {\ncommand = ["a", var.y]\n}`), '1.hcl:6:21 unknown_variable'],
    [inAction(`input "x" {\n}\nrun {\ncommand = ["a", x]\n}`), '1.hcl:6:17 unknown_variable'],
    [inAction(`input "x" {\n}\nrun {\ncommand = ["a", var.x.y]\n}`), '1.hcl:6:23 unknown_variable'],
    [inAction(`input "x" {\n}\nrun {\ncommand = ["a", run.nope]\n}`), '1.hcl:6:21 unknown_variable'],
    [inAction('run {\ncommand = ["a"]\nenv = { T = run.token }\n}'), '1.hcl:5:17 unknown_variable'],
    [inAction('token = true\nrun {\ncommand = ["a", run.token]\n}'), '1.hcl:5:17 warning sensitive_argument'],
    [inAction('token = true\nrun {\ncommand = "a ${run.token}"\n}'), '1.hcl:5:16 tainted_shell_string'],
    [inAction('run {\ncommand = ["a", var.y, var.y]\n}'), '1.hcl:4:21 warning unknown_variable'],
    [inAction('run {\ncommand = ["a", nope("x")]\n}'), '1.hcl:4:17 unknown_function'],
    [inAction('run {\ncommand = ["a", upper()]\n}'), '1.hcl:4:17 evaluation_failed'],
    [inAction('run {\ncommand = ["a", env("A", "B")]\n}'), '1.hcl:4:17 wrong_arguments'],
    [inAction('run {\ncommand = ["a", upper(run.id, "B")]\n}'), '1.hcl:4:17 wrong_arguments'],
    [inAction('run {\ncommand = ["a", 1 / 0]\n}'), '1.hcl:4:21 evaluation_failed'],
    [
      inAction('input "t" {\nsensitive = true\n}\nrun {\ncommand = ["a", var.t]\n}'),
      '1.hcl:7:17 warning sensitive_argument',
    ],
    [inAction('run {\ncommand = ["a", "x${secret("t")}"]\n}'), '1.hcl:4:21 warning sensitive_argument'],
    [
      inAction(
        'operation {\nname = "o"\nsensitive = true\nrun {\ncommand = ["a"]\n}\n}\noperation {\nrun {\ncommand = ["a", operation.o.output]\n}\n}',
      ),
      '1.hcl:12:17 warning sensitive_argument',
    ],
    [inAction(`limits {\nquiet_hours = "25:00-06:00"\n}\n${run}`), '1.hcl:4:15 wrong_value'],
    [inAction(`limits {\nquiet_hours = "22:00-06:00 Mars/Base"\n}\n${run}`), '1.hcl:4:15 wrong_value'],
    [
      'agent {\n  secrets "file" {\n    address = "https://v"\n    dir     = "/x"\n  }\n}\n',
      '1.hcl:3:5 unknown_attribute',
    ],
    ['agent {\n  secrets "file" {\n  }\n}\n', '1.hcl:2:3 missing_attribute'],
    [
      'agent {\n  secrets "vault" {\n    address = "https://v"\n    role_id = "r"\n  }\n}\n',
      '1.hcl:2:3 missing_attribute',
    ],
    ['agent {\n  secrets "valt" {\n  }\n}\n', '1.hcl:2:11 unknown_label'],
    ['agent {\n  network {\n    allow = ["a b"]\n  }\n}\n', '1.hcl:3:13 wrong_value'],
    ['agent {\n  files_allow = ["etc/x"]\n}\n', '1.hcl:2:17 wrong_value'],
    [`agent {\n}\n${inAction('status {\nmessage = env("A")\n}')}`, '1.hcl:6:15 warning not_allowed'],
    [
      `agent {\n  files_allow = ["/a/*.x"]\n}\n${inAction('status {\nmessage = "${file("/a/b.x")}${file("/a/b/c.x")}"\n}')}`,
      '1.hcl:7:36 warning not_allowed',
    ],
  ])('%j', (text, expected) => {
    expect(says(text)).toContain(expected);
    const isWarning = expected.includes('warning');
    expect(load(text).file === null).toBe(!isWarning);
  });

  it('once, where one mistake has one cause', () => {
    const broken = 'operation {\nname = "x"\nrun {\ncommand = 1 / 0\n}\n}\n';
    const later = 'operation {\nstatus {\nmessage = operation.x.output\n}\n}';
    expect(says(inAction(broken + later))).toEqual(['1.hcl:6:15 evaluation_failed']);
    expect(says(inAction('run {\ncommand = ["a", var.y, var.y]\n}'))).toHaveLength(1);
    expect(says(inAction(`input "x" {\ntype = strng\n}\n${run}`))).toHaveLength(1);
  });
});

describe('loading', () => {
  const promote = readFileSync(join(import.meta.dirname, '../../../examples/hcl/promote.hcl'), 'utf8');

  it('never throws, whatever is left out of a file or put into it', () => {
    const noise = fc.constantFrom(
      '',
      '{',
      '}',
      '"',
      '${',
      '[',
      ']',
      '=',
      '\n',
      '<<A\n',
      'var',
      '...',
      '*',
      '\u0000',
      'é',
      '?',
      'for',
    );
    fc.assert(
      fc.property(fc.nat(promote.length), fc.nat(40), noise, (at, length, added) => {
        const { file, diagnostics } = load(promote.slice(0, at) + added + promote.slice(at + length));
        expect(file === null).toBe(diagnostics.some(({ severity }) => severity === 'error'));
      }),
      { numRuns: 400 },
    );
  });

  it('knows the same bounds as the protocol', () => {
    const other: Readonly<Record<string, unknown>> = { ...shared };
    const both = Object.entries(own).filter(([name]) => name in other);
    expect(both.map(([name]) => name)).toContain('actionTimeoutMsMax');
    for (const [name, value] of both) expect([name, value]).toEqual([name, other[name]]);
    expect(own.groupsMax).toBe(shared.agentGroupsMax);
    expect(own.actionsMax).toBe(shared.agentDefinitionsMax);
    expect(own.concurrencyRunsMax).toBe(shared.slotsMax);
  });
});
