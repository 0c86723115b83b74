import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFolder } from '../../support/folder.ts';

const program = join(import.meta.dirname, '../../../agent/main.ts');

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function plan(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const options = { env: { PATH: '/usr/bin:/bin', HOME: '/nonexistent', SHELL: '/bin/sh', ...env } };
    execFile(process.execPath, [program, 'plan', ...args], options, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const text = `
agent {
  env_allow   = ["DEPLOYER_KEY"]
  env_inherit = ["SSH_AUTH_SOCK"]
  secrets "file" {
    dir = "/nonexistent"
  }
}
group "prod" {
  action "promote" {
    input "version" {
      pattern = "^v[0-9]+$"
    }
    input "replicas" {
      type    = number
      default = 12345678901234567
    }
    input "token" {
      sensitive = true
    }
    operation {
      name = "tell"
      http {
        method  = "POST"
        url     = "https://deployer.internal/promote/\${var.version}"
        headers = {
          Authorization = "Bearer \${var.token}"
          X-Key         = env("DEPLOYER_KEY")
          X-Secret      = secret("deployer")
        }
        body = jsonencode({ version = var.version, n = var.replicas })
      }
    }
    operation {
      run {
        command = "touch MARK && echo \${var.version}"
        dir     = "/srv/deploy"
        env     = { REGION = "us-west-2", TOKEN = var.token }
      }
    }
    operation {
      run {
        command = ["echo", jsondecode(operation.tell.response.body).id]
      }
    }
    operation {
      status {
        message = "promoted \${var.version}"
        status  = "complete"
      }
    }
    output "url" {
      value = "https://app.internal/\${var.version}"
    }
  }
  action "other" {
    run {
      command = ["true"]
    }
  }
}
`;

const expected = `prod/promote (timeout 1h)

1. tell (http)
   POST https://deployer.internal/promote/v1
   Authorization: Bearer var.token
   X-Key: env("DEPLOYER_KEY")
   X-Secret: secret("deployer")
   User-Agent: wayside-agent
   Accept: */*
   Accept-Encoding: identity
   Content-Type: application/json

   {"n":12345678901234567,"version":"v1"}

   expects 200-299 within 30s

2. operation 2 (run)
   argv  ["/bin/sh","-c","touch /folder/mark && echo v1"]
   dir   /srv/deploy
   env   HOME LANG PATH REGION SSH_AUTH_SOCK TOKEN TZ WAYSIDE_RUN_ID

3. operation 3 (run)
   known when earlier operations have run:
   run {
     command = ["echo", jsondecode(operation.tell.response.body).id]
   }

4. operation 4 (status)
   message "promoted v1"
   values  {}
   status  complete

output url = "https://app.internal/v1"

Nothing was run. Results of operations are shown as if each of them succeeds.
`;

test('shows exactly what would be done, with references for secrets, and does none of it', async () => {
  using folder = openFolder();
  const file = join(folder.path, 'agent.hcl');
  writeFileSync(file, text.replace('MARK', join(folder.path, 'mark')));
  const args = [file, '-a', 'prod/promote', '-i', 'version=v1', '-i', 'token=t0ken-123456'];
  const lines = await plan(args, { DEPLOYER_KEY: 'k3y-123456' });
  expect(lines).toMatchObject({ code: 0, err: '' });
  expect(lines.out.replaceAll(folder.path, '/folder').replaceAll(/ +$/gm, '')).toBe(expected);
  expect(lines.out).not.toMatch(/t0ken-123456|k3y-123456/);

  const json = await plan([...args, '--json'], { DEPLOYER_KEY: 'k3y-123456' });
  expect(json.out).not.toMatch(/t0ken-123456|k3y-123456/);
  // Read as text too: a program that parses it must find every digit.
  expect(json.out).toContain('\\"n\\":12345678901234567');
  const { operations, outputs } = JSON.parse(json.out) as {
    operations: { plan: Record<string, unknown> | null; refused: boolean }[];
    outputs: unknown;
  };
  expect(operations[0]?.plan).toMatchObject({
    method: 'POST',
    url: 'https://deployer.internal/promote/v1',
    headers: expect.arrayContaining([
      { name: 'Authorization', value: 'Bearer var.token', sensitive: true },
      { name: 'X-Key', value: 'env("DEPLOYER_KEY")', sensitive: true },
      { name: 'X-Secret', value: 'secret("deployer")', sensitive: true },
    ]) as unknown,
  });
  expect(operations[1]?.plan).toMatchObject({
    argv: ['/bin/sh', '-c', `touch ${folder.path}/mark && echo v1`],
    dir: '/srv/deploy',
    env: ['HOME', 'LANG', 'PATH', 'REGION', 'SSH_AUTH_SOCK', 'TOKEN', 'TZ', 'WAYSIDE_RUN_ID'],
  });
  expect(operations[2]).toMatchObject({ plan: null, refused: false });
  expect(outputs).toEqual({ url: { value: 'https://app.internal/v1', sensitive: false, known: true } });
});

test('says everything that is wrong with the inputs, the action and the file, each with its exit code', async () => {
  using folder = openFolder();
  const file = join(folder.path, 'agent.hcl');
  writeFileSync(file, text);
  const wrong = await plan([file, '-a', 'promote', '-i', 'version=x', '-i', 'replicas=many', '-i', 'nope=1']);
  expect(wrong).toMatchObject({ code: 1, out: '' });
  for (const name of ['nope:', 'version:', 'replicas:', 'token:']) expect(wrong.err).toContain(`  ${name}`);

  const which = await plan([file]);
  expect(which.code).toBe(64);
  expect(which.err).toContain('prod/promote');
  expect(which.err).toContain('prod/other');
  expect((await plan([file, '-a', 'prod/other', '-i', 'broken'])).code).toBe(64);
  expect((await plan([file, '--nope'])).code).toBe(64);

  writeFileSync(file, 'group "g" {\n action "a" {\n run {\n command = [\n }\n }\n}\n');
  const broken = await plan([file]);
  expect(broken).toMatchObject({ code: 1, out: '' });
  expect(broken.err).toMatch(/agent\.hcl:\d+:\d+.*error/);
});

test('shows what a run would be refused for, and answers 1', async () => {
  using folder = openFolder();
  const file = join(folder.path, 'agent.hcl');
  writeFileSync(
    file,
    'group "g" {\n action "a" {\n input "x" {}\n run {\n command = ["rm", var.x]\n }\n }\n}\n',
  );
  const answer = await plan([file, '-i', 'x=-rf']);
  expect(answer.code).toBe(1);
  expect(answer.out).toMatch(/refused: Argument 1 comes from an input and begins with "-"/);
  expect((await plan([file, '-i', 'x=a'])).code).toBe(0);
});

test('has help with examples', async () => {
  const { code, out } = await plan(['--help']);
  expect(code).toBe(0);
  expect(out).toContain('Examples:');
  expect(out).toContain('wayside-agent plan agent.hcl --action prod/promote --input version=v1.2.3');
});
