// Rules.md 18: scripts are outside the digest unless the action lists their hashes. What is listed is part of the
// digest, and nothing is started where another file lies in its place.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkHashes } from '../../../agent/operations/hashes.ts';
import { previewAction } from '../../../agent/plan/preview.ts';
import { previewJson, showPreview } from '../../../agent/plan/show-plan.ts';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';
import { hashedFileBytesMax } from '../../../protocol/limits.ts';
import { openFolder } from '../../support/folder.ts';
import { loadText, runText, stopper } from '../../support/run-action.ts';

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

function script(path: string, says: string): string {
  writeFileSync(path, `#!/bin/sh\necho ${says}\n`);
  chmodSync(path, 0o755);
  return path;
}

function listing(path: string, hash = `sha256:${hashOf(path)}`, command = path): string {
  return `group "g" {
    action "a" {
      run {
        command = [${JSON.stringify(command)}]
        hashes = {
          ${JSON.stringify(path)} = ${JSON.stringify(hash)}
        }
      }
    }
  }`;
}

describe('rule 18: an action that lists the hashes of its files', () => {
  test('starts where each is the one that is listed, also behind a link', async () => {
    using folder = openFolder();
    const path = script(join(folder.path, 'deploy.sh'), 'deployed');
    expect(await runText(listing(path))).toMatchObject({
      outcome: { result: 'succeeded' },
      stdout: 'deployed\n',
    });
    const link = join(folder.path, 'current');
    symlinkSync(path, link);
    expect((await runText(listing(link))).stdout).toBe('deployed\n');
  });

  test('starts nothing where another file lies in its place, and says what is there', async () => {
    using folder = openFolder();
    const path = script(join(folder.path, 'deploy.sh'), 'deployed');
    const text = listing(path);
    script(path, 'stolen');
    const { outcome, spawned, stdout } = await runText(text);
    expect(outcome).toMatchObject({
      result: 'failed',
      code: 'hash_mismatch',
      operations: [{ result: 'failed', code: 'hash_mismatch' }],
    });
    expect(outcome.message).toContain(`sha256:${hashOf(path)}`);
    expect(spawned).toEqual([]);
    expect(stdout).toBe('');
    // A link that was turned to another file is another file.
    const link = join(folder.path, 'current');
    symlinkSync(script(join(folder.path, 'one.sh'), 'one'), link);
    const linked = listing(link);
    rmSync(link);
    symlinkSync(path, link);
    expect((await runText(linked)).outcome.code).toBe('hash_mismatch');
  });

  test('looks at files that the program only reads, and at each of an operation’s own start', async () => {
    using folder = openFolder();
    const data = join(folder.path, 'data');
    writeFileSync(data, 'right');
    const text = `group "g" {
      action "a" {
        operation {
          run {
            command = ["cp", "/dev/null", ${JSON.stringify(data)}]
            hashes  = { ${JSON.stringify(data)} = "sha256:${hashOf(data)}" }
          }
        }
        operation {
          run {
            command = ["echo", "never"]
            hashes  = { ${JSON.stringify(data)} = "sha256:${hashOf(data)}" }
          }
        }
      }
    }`;
    const { outcome, stdout } = await runText(text);
    expect(outcome.operations).toMatchObject([{ result: 'succeeded' }, { code: 'hash_mismatch' }]);
    expect(stdout).toBe('');
  });

  test('is refused for what is not there, or is no file, without waiting for it', async () => {
    using folder = openFolder();
    const sha256 = '0'.repeat(64);
    const [missing, directory, pipe, huge] = ['missing', 'directory', 'pipe', 'huge'].map((name) =>
      join(folder.path, name),
    ) as [string, string, string, string];
    mkdirSync(directory);
    execFileSync('mkfifo', [pipe]);
    writeFileSync(huge, '');
    truncateSync(huge, hashedFileBytesMax + 1);
    for (const [path, why] of [
      [missing, 'it does not exist'],
      [directory, 'it is not a file'],
      [pipe, 'it is not a file'],
      [huge, 'it is larger than'],
    ] as const) {
      const { signal } = new AbortController();
      await expect(checkHashes([{ path, sha256 }], signal)).rejects.toMatchObject({
        code: 'hash_mismatch',
        message: expect.stringContaining(why) as string,
      });
    }
  });

  test('a run that is stopped while its files are looked at starts nothing, and does not wait', async () => {
    using folder = openFolder();
    const large = join(folder.path, 'large');
    writeFileSync(large, '');
    const pieces = 128;
    const piece = Buffer.alloc(1024 * 1024);
    truncateSync(large, pieces * piece.length);
    const hash = createHash('sha256');
    for (let at = 0; at < pieces; at += 1) hash.update(piece);
    const text = `group "g" {
      action "a" {
        run {
          command = ["sleep", "60"]
          hashes  = { ${JSON.stringify(large)} = "sha256:${hash.digest('hex')}" }
        }
      }
    }`;
    const { signal, stop } = stopper();
    setTimeout(() => stop({ reason: 'requested', graceMs: 0 }), 20);
    const { outcome, spawned } = await runText(text, { stop: signal });
    expect(outcome).toMatchObject({ result: 'canceled', code: 'canceled' });
    expect(spawned).toEqual([]);
  });

  test('has another digest with another hash', () => {
    using folder = openFolder();
    const path = script(join(folder.path, 'deploy.sh'), 'one');
    const digests = [
      listing(path),
      listing(path, `sha256:${'1'.repeat(64)}`),
      listing(path).replace(/hashes = \{[^}]*\}/, ''),
    ];
    expect(new Set(digests.map((text) => loadText(text).actions[0]?.digest)).size).toBe(3);
  });

  test('is shown by a plan, which reads nothing', () => {
    const hash = `sha256:${'ab'.repeat(32)}`;
    const file = loadText(listing('/opt/not-there.sh', hash));
    const [action] = file.actions;
    if (action === undefined) throw new Error('no action');
    const preview = previewAction(
      { action, settings: file.settings, inputs: new Map() },
      { shell: '/bin/sh' },
    );
    expect(showPreview(preview, { inherit: [] })).toContain(`hash  ${hash} /opt/not-there.sh`);
    expect(previewJson(preview, { inherit: [] })).toMatchObject({
      operations: [{ plan: { hashes: [{ path: '/opt/not-there.sh', hash }] } }],
    });
  });

  test.each([
    ['a relative path', '{ "deploy.sh" = "sha256:HASH" }', 'wrong_value'],
    ['a path that leads back', '{ "/opt/../etc/x" = "sha256:HASH" }', 'wrong_value'],
    ['another algorithm', '{ "/opt/x" = "md5:HASH" }', 'wrong_value'],
    ['bare digits', '{ "/opt/x" = "HASH" }', 'wrong_value'],
    ['digits in upper case', '{ "/opt/x" = "sha256:AB" }', 'wrong_value'],
    ['no file at all', '{}', 'wrong_value'],
    ['null', '{ "/opt/x" = null }', 'wrong_value'],
    ['an input as the path', '{ (var.v) = "sha256:HASH" }', 'not_constant'],
    ['an input as the hash', '{ "/opt/x" = var.v }', 'not_constant'],
  ])('with %s is an error when the file is loaded', (_name, hashes, code) => {
    const text = `group "g" {
      action "a" {
        input "v" {}
        run {
          command = ["true"]
          hashes = ${hashes.replace('HASH', '0'.repeat(64))}
        }
      }
    }`;
    const { file, diagnostics } = loadAgentFile([{ name: 'a.hcl', text }]);
    expect(file).toBeNull();
    expect(diagnostics.filter(({ severity }) => severity === 'error').map((one) => one.code)).toEqual([code]);
  });
});
