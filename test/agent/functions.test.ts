import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createAgentFunctions } from '../../agent/functions.ts';
import type { Lookup } from '../../agent/functions.ts';
import { createLookups } from '../../agent/lookups.ts';
import { createSecretReader } from '../../agent/secrets/secrets.ts';
import type { AgentSettings } from '../../hcl/agent-file/definition.ts';
import { standardFunctions } from '../../hcl/functions/standard.ts';
import { loadAgentFile } from '../../hcl/agent-file/load.ts';
import { evaluate } from '../../hcl/evaluate.ts';
import { parseExpression } from '../../hcl/parse.ts';
import { SENSITIVE, stringValue, TAINTED } from '../../hcl/values.ts';
import type { Value } from '../../hcl/values.ts';
import { openFolder } from '../support/folder.ts';

function settingsOf(text: string): AgentSettings {
  const { file, diagnostics } = loadAgentFile([{ name: 'a.hcl', text }]);
  if (file === null) throw new Error(diagnostics.map(({ detail }) => detail).join('\n'));
  return file.settings;
}

async function run(
  expression: string,
  settings: string,
  { environment = {}, reads = [] }: { environment?: Record<string, string>; reads?: string[] } = {},
): Promise<Value> {
  const loaded = settingsOf(settings);
  const secrets = createSecretReader(loaded.secrets, { environment, boot: () => 0 });
  const functions = createAgentFunctions(
    createLookups({ settings: loaded, environment, secrets, onRead: (text) => reads.push(text) }),
  );
  const parsed = parseExpression('test', expression);
  return functions.settle((known) => {
    const variables = new Map([['foreign', stringValue('DEPLOYER_KEY', TAINTED)]]);
    const { value, diagnostics } = evaluate(parsed.expression, {
      source: parsed.source,
      variables,
      functions: known,
      parent: { source: parsed.source, variables: new Map(), functions: standardFunctions },
    });
    if (diagnostics.length > 0) throw new Error(diagnostics.map(({ detail }) => detail).join('\n'));
    return value;
  });
}

describe('env', () => {
  const settings = 'agent { env_allow = ["DEPLOYER_KEY", "MISSING"] }';
  const environment = { DEPLOYER_KEY: 'k-123456', PATH: '/bin' };

  test('gives an allowed variable, sensitive, and tells the masks before', async () => {
    const reads: string[] = [];
    const value = await run('"Bearer ${env("DEPLOYER_KEY")}"', settings, { environment, reads });
    expect(value).toMatchObject({ value: 'Bearer k-123456', marks: SENSITIVE });
    expect(reads).toEqual(['k-123456']);
  });

  test('refuses every other one, also one that exists', async () => {
    await expect(run('env("PATH")', settings, { environment })).rejects.toThrow(
      /env_allow .* does not name "PATH"/,
    );
    await expect(run('env("MISSING")', settings, { environment })).rejects.toThrow(
      /environment has no MISSING/,
    );
    await expect(run('env("toString")', settings, { environment })).rejects.toThrow(/does not name/);
  });

  test('keeps the taint of a name that someone else chose', async () => {
    expect(await run('env(foreign)', settings, { environment })).toMatchObject({
      marks: SENSITIVE | TAINTED,
    });
  });

  test('that fails can be tried', async () => {
    expect(await run('try(env("PATH"), "none")', settings, { environment })).toMatchObject({ value: 'none' });
  });
});

describe('file', () => {
  test('reads what a pattern admits by its real path, and nothing else', async () => {
    using folder = openFolder();
    const at = (name: string): string => join(folder.path, name);
    mkdirSync(at('in'));
    mkdirSync(at('in/deep'));
    writeFileSync(at('in/a.json'), '{"key":"v-123456"}');
    writeFileSync(at('in/deep/b.json'), '{}');
    writeFileSync(at('out.json'), 'hidden');
    writeFileSync(at('in/bytes.json'), Buffer.from([0xff, 0xfe]));
    writeFileSync(at('in/large.json'), 'x'.repeat(300_000));
    symlinkSync(at('out.json'), at('in/link.json'));
    symlinkSync(at('in/a.json'), at('in/inner.json'));
    mkdirSync(at('in/folder.json'));
    const settings = `agent { files_allow = ["${folder.path}/in/*.json"] }`;
    const read = (name: string): Promise<Value> => run(`file("${at(name)}")`, settings);
    expect(await run(`jsondecode(file("${at('in/a.json')}")).key`, settings)).toMatchObject({
      value: 'v-123456',
      marks: SENSITIVE,
    });
    expect(await read('in/inner.json')).toMatchObject({ value: '{"key":"v-123456"}' });
    await expect(read('in/link.json')).rejects.toThrow(/does not admit/);
    await expect(read('in/deep/b.json')).rejects.toThrow(/does not admit/);
    await expect(read('in/../out.json')).rejects.toThrow(/does not admit/);
    await expect(read('out.json')).rejects.toThrow(/does not admit/);
    await expect(read('not-there.json')).rejects.toThrow(/does not admit/);
    await expect(read('in/none.json')).rejects.toThrow(/does not exist/);
    await expect(read('in/folder.json')).rejects.toThrow(/not a file/);
    await expect(read('in/bytes.json')).rejects.toThrow(/not UTF-8/);
    await expect(read('in/large.json')).rejects.toThrow(/larger than/);
    await expect(run('file("a.json")', settings)).rejects.toThrow(/absolute/);
  });
});

describe('secret', () => {
  test('reads a file of the folder without its last line end, and stays in the folder', async () => {
    using folder = openFolder();
    mkdirSync(join(folder.path, 'secrets/..data'), { recursive: true });
    writeFileSync(join(folder.path, 'secrets/plain'), 's-123456\n');
    writeFileSync(join(folder.path, 'secrets/..data/mounted'), 'm-123456\n\n');
    symlinkSync('..data/mounted', join(folder.path, 'secrets/mounted'));
    writeFileSync(join(folder.path, 'outside'), 'o-123456');
    symlinkSync(join(folder.path, 'outside'), join(folder.path, 'secrets/escape'));
    const settings = `agent {\n secrets "file" {\n dir = "${folder.path}/secrets"\n }\n}`;
    expect(await run('secret("plain")', settings)).toMatchObject({ value: 's-123456', marks: SENSITIVE });
    expect(await run('secret("mounted")', settings)).toMatchObject({ value: 'm-123456\n' });
    await expect(run('secret("escape")', settings)).rejects.toThrow(/leads out of the folder/);
    for (const name of ['../outside', '/etc/passwd', '.', '', 'plain/', 'none']) {
      await expect(run(`secret("${name}")`, settings)).rejects.toThrow(/knows/);
    }
  });

  test('asks the sources in their order, and says when there is none', async () => {
    using folder = openFolder();
    writeFileSync(join(folder.path, 'B'), 'from the file');
    const settings = `agent {
      secrets "env" {
        allow = ["A"]
      }
      secrets "file" {
        dir = "${folder.path}"
      }
    }`;
    const environment = { A: 'from the environment', B: 'not allowed' };
    expect(await run('secret("A")', settings, { environment })).toMatchObject({
      value: 'from the environment',
    });
    expect(await run('secret("B")', settings, { environment })).toMatchObject({ value: 'from the file' });
    await expect(run('secret("A")', 'agent {}')).rejects.toThrow(/no secrets source/);
  });
});

test('what the branch that is not taken names is not read, and need not be there', async () => {
  using folder = openFolder();
  writeFileSync(join(folder.path, 'there'), 'sesame-open');
  const settings = `agent {
    env_allow = ["MODE"]
    files_allow = ["${folder.path}/*"]
    secrets "file" {
      dir = "${folder.path}"
    }
  }`;
  const environment = { MODE: 'real' };
  const read = async (expression: string) => {
    const reads: string[] = [];
    const value = await run(expression, settings, { environment, reads });
    return { value: 'value' in value ? value.value : undefined, reads };
  };
  const taken = 'env("MODE") == "real" ? secret("there") : secret("missing")';
  expect(await read(taken)).toEqual({ value: 'sesame-open', reads: ['real', 'sesame-open'] });
  expect(await read('true ? "plain" : "${env("FORBIDDEN")}:${file("/etc/shadow")}"')).toEqual({
    value: 'plain',
    reads: [],
  });
  expect(await read('env("MODE") == "test" ? 1 : secret("there")')).toMatchObject({ value: 'sesame-open' });
  await expect(read('env("MODE") == "test" ? 1 : secret("missing")')).rejects.toThrow(/missing/);
});

test('a secret can name another, each is read once, and a chain without end is refused', async () => {
  const asked: string[] = [];
  const read = ({ name }: Lookup): Promise<{ text: string }> => {
    asked.push(name);
    return Promise.resolve({ text: `${name}+` });
  };
  const parsed = parseExpression('test', '"${secret(secret("a"))} ${secret("a")}"');
  const attempt = (expression: typeof parsed.expression): Promise<Value> =>
    createAgentFunctions(read).settle((functions) => {
      const { value, diagnostics } = evaluate(expression, {
        source: parsed.source,
        variables: new Map(),
        functions,
      });
      if (diagnostics.length > 0) throw new Error('not yet');
      return value;
    });
  expect(await attempt(parsed.expression)).toMatchObject({ value: 'a++ a+' });
  expect(asked).toEqual(['a', 'a+']);
  let count = 0;
  const functions = createAgentFunctions(read);
  await expect(
    functions.settle((known) => {
      count += 1;
      known
        .get('secret')
        ?.call([stringValue(`${count}`)], { charge: () => 0, chargeText: () => 0, attempts: [] });
    }),
  ).rejects.toMatchObject({ code: 'evaluation_failed' });
});
