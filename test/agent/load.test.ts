// Agent files from the disk, and what happens when they change while the agent runs.
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { loadErrorsOf, loadRegistry, readSources, watchFiles } from '../../agent/load.ts';
import { openFolder } from '../support/folder.ts';
import { enrolled, startAgent } from './other-side/agent.ts';
import { openOtherSide } from './other-side/server.ts';

const plain = { overrides: <Settings>(settings: Settings) => settings, compatibility: false };
const action = (name: string, text = 'hello') => `group "prod" {
  action "${name}" {
    run {
      command = ["echo", "${text}"]
    }
  }
}
`;

describe('loading', () => {
  test('reads a file, or all *.hcl of a folder by name, as one', () => {
    using folder = openFolder();
    writeFileSync(join(folder.path, 'b.hcl'), action('second'));
    writeFileSync(join(folder.path, 'a.hcl'), action('first'));
    writeFileSync(join(folder.path, '.hidden.hcl'), '!');
    writeFileSync(join(folder.path, 'notes.txt'), '!');
    const { registry } = loadRegistry(readSources(folder.path), plain);
    expect(registry?.actions.map(({ name }) => name)).toEqual(['first', 'second']);
    expect(registry?.find('prod', 'second')?.name).toBe('second');
    expect(registry?.find('prod', '__proto__')).toBe(null);
    expect(readSources(join(folder.path, 'a.hcl'))).toHaveLength(1);
  });

  test('says so where there is nothing to read', () => {
    using folder = openFolder();
    expect(() => readSources(folder.path)).toThrow('no *.hcl file');
    expect(() => readSources(join(folder.path, 'none.hcl'))).toThrow('cannot be read');
  });

  test('gives every error one line with its place, for the control plane', () => {
    const text = 'group "prod" {\n  actoin "x" {\n  }\n}\n';
    const { registry, diagnostics } = loadRegistry([{ name: '/etc/wayside/agent.hcl', text }], plain);
    expect(registry).toBe(null);
    expect(loadErrorsOf(diagnostics)[0]).toMatch(/^agent\.hcl:2:3: /);
  });

  test('advertises names, inputs and digests, and never what is run', () => {
    const { registry } = loadRegistry([{ name: 'a.hcl', text: action('x', 'top-secret-path') }], plain);
    const told = JSON.stringify(registry?.advertisement);
    expect(told).toContain('"operation":"x"');
    expect(told).not.toContain('top-secret-path');
    expect(told).not.toContain('echo');
  });

  test('notices changes, replaced files included', async () => {
    using folder = openFolder();
    const path = join(folder.path, 'agent.hcl');
    writeFileSync(path, action('a'));
    let changed = Promise.withResolvers<undefined>();
    const watching = watchFiles(path, () => {
      changed.resolve(undefined);
    });
    writeFileSync(path, action('b'));
    await changed.promise;
    await delay(300);
    changed = Promise.withResolvers();
    writeFileSync(`${path}.new`, action('c'));
    renameSync(`${path}.new`, path);
    await changed.promise;
    watching.close();
  });
});

describe('hot reload', () => {
  test('takes a changed file by itself, and an unchanged one on SIGHUP', async () => {
    await using side = await openOtherSide();
    using house = await enrolled(side, action('first'));
    await using agent = startAgent(house);
    await side.hear('poll');
    house.write(action('second'));
    const told = await side.hear('definitions');
    expect(told.definitions.map(({ operation }) => operation)).toEqual(['second']);
    const { run } = await side.offer({ operation: 'second' });
    expect((await side.hear('end', (frame) => frame.run === run)).outcome.result).toBe('succeeded');
    const before = side.heard.length;
    agent.reload();
    await side.until('another telling', () =>
      side.heard.slice(before).some(({ type }) => type === 'definitions'),
    );
  });

  test('refuses a file with errors, keeps the old definitions, and tells both sides', async () => {
    await using side = await openOtherSide();
    using house = await enrolled(side, action('first'));
    await using agent = startAgent(house);
    await side.hear('poll');
    house.write('group "prod" {\n  action "first" {\n    rnu {}\n  }\n}\n');
    const told = await side.hear('definitions');
    expect(told.definitions.map(({ operation }) => operation)).toEqual(['first']);
    expect(told.load_errors.join('\n')).toContain('agent.hcl:3:5');
    expect(agent.lines.join('')).toContain('The agent file was not taken');
    const { run } = await side.offer({ operation: 'first' });
    expect((await side.hear('end', (frame) => frame.run === run)).outcome.result).toBe('succeeded');
    house.write(action('third'));
    const mended = await side.hear('definitions', (frame) => frame.load_errors.length === 0);
    expect(mended.definitions.map(({ operation }) => operation)).toEqual(['third']);
  });

  test('changes nothing for a run that was accepted before it', async () => {
    await using side = await openOtherSide({ go: false });
    using house = await enrolled(side, action('first', 'old words'));
    await using _agent = startAgent(house);
    const { incarnation } = await side.hear('hello');
    await side.hear('poll');
    const { run, attempt } = await side.offer({ operation: 'first' });
    await side.hear('accept');
    house.write(action('first', 'new words'));
    await side.hear('definitions');
    side.send({ type: 'go', run, attempt, incarnation });
    await side.hear('end');
    expect(side.output(run)).toBe('old words\n');
  });

  test('of a folder follows files that come and go', async () => {
    await using side = await openOtherSide();
    using house = await enrolled(side, '');
    const folder = join(house.folder, 'agent.d');
    mkdirSync(folder);
    writeFileSync(join(folder, 'a.hcl'), action('first'));
    await using _agent = startAgent({ ...house, file: folder });
    await side.hear('poll');
    writeFileSync(join(folder, 'b.hcl'), action('second'));
    const told = await side.hear('definitions');
    expect(told.definitions.map(({ operation }) => operation)).toEqual(['first', 'second']);
  });
});
