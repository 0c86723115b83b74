// Every file of examples/hcl loads with the verdict that is stated here, and stands there as `wayside hcl fmt` writes it.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';
import { lineOf } from '../../../hcl/diagnostic.ts';
import { format } from '../../../hcl/format.ts';

const folder = join(import.meta.dirname, '../../../examples/hcl');

function read(path: string): { readonly name: string; readonly text: string } {
  return { name: path, text: readFileSync(join(folder, path), 'utf8') };
}

/** `line severity code`, one a diagnostic. */
type Verdict = readonly string[];

const topLevel: Readonly<Record<string, Verdict>> = {
  'client-certificate.hcl': [],
  'compatibility.hcl': ['9 warning tainted_shell_string', '9 warning unknown_variable'],
  'container.hcl': [],
  'demo.hcl': [],
  'hashes.hcl': [],
  'idempotent.hcl': [],
  'inputs.hcl': [],
  'limits.hcl': [],
  'promote.hcl': [],
  'proxy.hcl': [],
  'results.hcl': [],
  'run-argv.hcl': [],
  'run-env.hcl': [],
  'run-string.hcl': [],
  'run-token.hcl': [],
  'secrets.hcl': [],
  'status.hcl': [],
  'steps.hcl': [],
  'timeouts.hcl': [],
};

const regressions: Readonly<Record<string, Verdict>> = {
  'r01-first-failure-stops.hcl': [],
  'r02-docker-never-on-the-host.hcl': [],
  'r03-shell-injection.hcl': ['9 error tainted_shell_string'],
  'r04-scrubbed-environment.hcl': [],
  'r05-http-status.hcl': [],
  'r06-missing-binary.hcl': [],
  'r07-second-run-block.hcl': ['8 error surplus_operation'],
  'r08-group-declared-twice.hcl': ['11 error repeated_group'],
  'r09-misspelt-names.hcl': [
    '5 error unknown_attribute',
    '9 error unknown_block',
    '16 error unknown_variable',
    '16 error unknown_function',
    '17 error unknown_attribute',
  ],
  'r10-exact-numbers.hcl': [],
  'r11-concurrent-and-cancelable.hcl': [],
  'r12-unknown-group.hcl': [],
  'r13-status-is-sent.hcl': [],
  'r14-final-status-survives.hcl': [],
};

const files: Readonly<Record<string, Verdict>> = {
  ...topLevel,
  'settings/agent.hcl': [],
  ...Object.fromEntries(
    Object.entries(regressions).map(([name, verdict]) => [`regressions/${name}`, verdict]),
  ),
};

function verdictOf(
  path: string,
  options = { compatibility: false },
): { readonly loads: boolean; readonly says: Verdict } {
  const { file, diagnostics } = loadAgentFile([read(path)], options);
  const says = diagnostics.map(
    ({ severity, code, source, span }) => `${lineOf(source, span.start)} ${severity} ${code}`,
  );
  return { loads: file !== null, says };
}

describe('each example', () => {
  it.each(Object.entries(files))('%s has its verdict', (path, says) => {
    expect(verdictOf(path)).toEqual({ loads: !says.some((line) => line.includes('error')), says });
  });

  it('is listed here', () => {
    const names = (path: string): string[] =>
      readdirSync(join(folder, path)).filter((name) => name.endsWith('.hcl'));
    expect(names('.').sort()).toEqual(Object.keys(topLevel).sort());
    expect(names('regressions').sort()).toEqual(Object.keys(regressions).sort());
    expect(names('hcp')).toEqual(['reference.hcl']);
    expect(names('settings')).toEqual(['agent.hcl']);
  });

  it.each([...Object.keys(files), 'hcp/reference.hcl'])('%s is formatted', (path) => {
    expect(format(read(path).text)).toBe(read(path).text);
  });
});

it('loads the examples with their settings as one agent, without a warning but for compatibility', () => {
  const names = Object.keys(topLevel).filter((name) => name !== 'demo.hcl');
  const { file, diagnostics } = loadAgentFile([...names, 'settings/agent.hcl'].map(read));
  expect(diagnostics.map(({ source }) => source.name)).toEqual(['compatibility.hcl', 'compatibility.hcl']);
  expect(file?.groups).toEqual(['prod']);
  expect(file?.settings.secrets).toEqual([{ kind: 'env', allow: ['DEPLOYER_KEY', 'REGISTRY_TOKEN'] }]);
  expect(file?.actions.map(({ name }) => name)).toContain('promote');
});

it('loads the folder as it is', () => {
  const { file } = loadAgentFile(Object.keys(topLevel).map(read));
  expect(file?.groups.toSorted()).toEqual(['demo', 'prod']);
});

describe('a file of the reference product', () => {
  it('loads unchanged with the compatibility switch, every action marked and warned about', () => {
    const { file, diagnostics } = loadAgentFile([read('hcp/reference.hcl')], { compatibility: true });
    expect(diagnostics.every(({ severity }) => severity === 'warning')).toBe(true);
    expect(file?.actions.map(({ name, compatibility }) => [name, compatibility])).toEqual([
      ['launch', true],
      ['greet', true],
      ['notify', true],
    ]);
    expect(file?.actions[1]?.warnings[0]?.code).toBe('tainted_shell_string');
  });

  it('is refused without it, for its injection', () => {
    const { loads, says } = verdictOf('hcp/reference.hcl');
    expect(loads).toBe(false);
    expect(says.filter((line) => line.includes('error'))).toEqual(['33 error tainted_shell_string']);
  });

  it.each(['r03-shell-injection.hcl', 'r07-second-run-block.hcl', 'r08-group-declared-twice.hcl'])(
    'of the kind of %s loads with the switch too',
    (name) => {
      const { loads, says } = verdictOf(`regressions/${name}`, { compatibility: true });
      expect(loads).toBe(true);
      expect(says).toHaveLength(1);
      expect(says[0]).toContain('warning');
    },
  );

  it('keeps the last of two groups and the first of two blocks, as the reference does', () => {
    const groups = loadAgentFile([read('regressions/r08-group-declared-twice.hcl')], { compatibility: true });
    expect(groups.file?.actions.map(({ name }) => name)).toEqual(['r08-second']);
    const blocks = loadAgentFile([read('regressions/r07-second-run-block.hcl')], { compatibility: true });
    const [operation, ...others] = blocks.file?.actions[0]?.operations ?? [];
    expect(others).toEqual([]);
    expect(operation?.span.start).toBeLessThan(200);
  });

  it('does not get misspelt names past the switch', () => {
    expect(verdictOf('regressions/r09-misspelt-names.hcl', { compatibility: true }).loads).toBe(false);
  });
});

it('suggests what was meant for each misspelt name', () => {
  const { diagnostics } = loadAgentFile([read('regressions/r09-misspelt-names.hcl')]);
  const meant = diagnostics.map(({ detail }) => /Did you mean `([^`]+)`/.exec(detail)?.[1]);
  expect(meant).toEqual(['description', 'operation', 'var.version', 'upper', 'env']);
});
