// Where foreign text may not stand (rules.md 21 to 23; R3): each case is one attribute in one action, and the verdict.
import { describe, expect, it } from 'vitest';
import { loadAgentFile } from '../../../hcl/agent-file/load.ts';

const inputs = `
    input "any" {}
    input "word" { pattern = "^[a-z][a-z0-9-]*$" }
    input "place" { options = ["eu", "us"] }
    input "odd" { options = ["a b", "-x"] }
    input "count" {
      type = number
      min  = 0
    }
    input "delta" { type = number }
    input "yes" { type = bool }
    input "hosts" {
      type    = list(string)
      pattern = "^[a-z]+$"
    }
    input "anys" { type = list(string) }
    input "labels" {
      type        = map(string)
      pattern     = "^[a-z]+$"
      key_pattern = "^[A-Z]+$"
    }
    input "half" {
      type    = map(string)
      pattern = "^[a-z]+$"
    }
`;

function codesOf(operation: string): readonly string[] {
  const text = `group "g" {\n  action "a" {${inputs}    operation {\n      name = "first"\n      run { command = ["true"] }\n    }\n    operation {\n${operation}\n    }\n  }\n}\n`;
  const { diagnostics } = loadAgentFile([{ name: 'test.hcl', text }]);
  const about = diagnostics.filter(({ code }) => code !== 'sensitive_argument');
  return about.map(({ code = '', summary }) => (code.startsWith('tainted_') ? code : `${code}: ${summary}`));
}

const run = (command: string): readonly string[] => codesOf(`run {\n command = ${command}\n}`);
const url = (address: string): readonly string[] => codesOf(`http {\n url = ${address}\n}`);

describe('a text command', () => {
  it.each([
    ['"echo ${var.word}"'],
    ['"echo ${var.place} | tee log"'],
    ['"scale ${var.count}"'],
    ['"deploy --dry=${var.yes}"'],
    ['"ping ${var.hosts[0]}"'],
    ['"echo %{ for h in var.hosts }${h} %{ endfor }"'],
    ['"echo %{ for k, v in var.labels }${k}=${v} %{ endfor }"'],
    ['"echo ${var.labels.A}"'],
    ['"echo ${run.id} ${waypoint.run_id} ${agent.name}"'],
    ['"echo ${env("HOME")}"'],
    ['"echo ${var.any == "x" ? "yes; really" : "no"}"'],
    ['"echo ${{ a = "b c" }[var.any]}"'],
    ['"echo ${coalesce(var.word, "x")}"'],
    ['"echo $${var.any}"'],
    ['upper("x; y")'],
    ['"echo ${length(var.anys) > 1}"'],
  ])('%s is possible', (command) => {
    expect(run(command)).toEqual([]);
  });

  it.each([
    ['"echo ${var.any}"'],
    ['"echo ${var.odd}"'],
    ['"echo ${var.delta}"'],
    ['"echo ${var.anys[0]}"'],
    ['"echo ${join(" ", var.hosts)}"'],
    ['"echo ${upper(var.word)}"'],
    ['"echo ${base64decode(var.word)}"'],
    ['"echo ${replace(var.any, "/[^a-z]/", "")}"'],
    ['"echo %{ for h in var.anys }${h} %{ endfor }"'],
    ['"echo %{ if var.yes }${var.any}%{ endif }"'],
    ['"echo %{ for k, v in var.half }${k} %{ endfor }"'],
    ['"echo ${operation.first.output}"'],
    ['"echo ${run.requested_by}"'],
    ['"echo ${application.name}"'],
    ['"echo ${-var.count}"'],
    ['"echo ${var.count - 1}"'],
    ['"echo ${[var.any][0]}"'],
    ['"echo ${{ a = var.any }.a}"'],
    ['"echo ${[for x in [var.any] : x][0]}"'],
    ['"echo ${{ for k, v in var.half : k => v }["A"]}"'],
    ['"echo ${try(var.any, "x")}"'],
    ['"echo ${nonsensitive(var.any)}"'],
    ['"echo ${keys(var.labels)[0]}"'],
    ['<<-EOT\n  echo ${var.any}\n  EOT\n'],
    ['var.any'],
    ['"${var.any}"'],
    ['var.yes ? "echo ${var.any}" : ["echo"]'],
    ['upper("echo ${var.any}")'],
  ])('%s is refused', (command) => {
    expect(run(command)).toEqual(['tainted_shell_string']);
  });
});

describe('an argument list', () => {
  it.each([
    ['["echo", var.any]'],
    ['["echo", "${var.any}; rm"]'],
    ['["sh", "-c", "echo \\"$1\\"", "sh", var.any]'],
    ['["bash", "-euo", "pipefail", "-c", "echo $1", "bash", var.any]'],
    ['["sh", "-c", "echo ${var.word}"]'],
    ['["bash", "deploy.sh", var.any]'],
    ['["bash", "-x", "deploy.sh", var.any, var.any]'],
    ['["python3", "deploy.py", "--version", var.any]'],
    ['["python3", "-m", "deploy", var.any]'],
    ['["python3", "-c", "import sys", var.any]'],
    ['["node", "-e", "x", "--", var.any]'],
    ['["node", "-r", "./x.js", "app.js", var.any]'],
    ['["perl", "-ne", "print", var.any]'],
    ['["awk", "-v", "x=${var.any}", "{ print x }"]'],
    ['["awk", "{ print }", var.any]'],
    ['["jq", "--arg", "v", var.any, "-r", ".a", "f.json"]'],
    ['["env", "A=${var.any}", "deploy", var.any]'],
    ['["sudo", "-u", "deploy", "ls", var.any]'],
    ['["sudo", "-n", "--", "ls", var.any]'],
    ['["timeout", "5", "ls", var.any]'],
    ['["timeout", var.any, "ls", var.any]'],
    ['["nice", "-n", "5", "ls", var.any]'],
    ['["xargs", "-I{}", "echo", "{}", var.any]'],
    ['["kubectl", "exec", var.any, "--", "ls", var.any]'],
    ['["kubectl", "get", "pods", "-n", var.any]'],
    ['["docker", "exec", "-it", "web", "ls", var.any]'],
    ['["docker", "exec", var.any, "ls"]'],
    ['["docker", "run", "--rm", "-e", "V=${var.any}", "alpine", "echo", var.any]'],
    ['["find", var.any, "-name", "x"]'],
    ['["git", "checkout", "--", var.any]'],
    ['concat(["echo"], var.anys)'],
    ['["terraform", "apply", "-var", "v=${var.any}"]'],
    ['[var.place, "x"]'],
    ['["powershell", "-File", "deploy.ps1", var.any]'],
    ['["ssh", "host", "deploy", var.word]'],
    ['var.yes ? ["a", var.any] : ["b", var.any]'],
    ['["echo", operation.first.output]'],
  ])('%s is possible', (command) => {
    expect(run(command)).toEqual([]);
  });

  it.each([
    ['[var.any]'],
    ['[var.any, "x"]'],
    ['var.anys'],
    ['concat(var.anys, ["x"])'],
    ['["/usr/bin/${var.any}"]'],
    ['["sh", "-c", var.any]'],
    ['["sh", "-c", "echo ${var.any}"]'],
    ['["/bin/bash", "-lc", "echo ${var.any}"]'],
    ['["bash", var.any]'],
    ['["bash", "-x", var.any]'],
    ['["bash", "-o", "pipefail", "-c", "echo ${var.any}"]'],
    ['["bash", "-c", "-x", "echo ${var.any}"]'],
    ['["BASH.EXE", "-c", var.any]'],
    ['["bash5.2", "-c", var.any]'],
    ['["dash", "-ec", var.any]'],
    ['["env", "-S", "sh ${var.any}"]'],
    ['["env", "-S${var.any}"]'],
    ['["env", "--split-string=${var.any}"]'],
    ['["env", var.any]'],
    ['["env", "${var.any}=1", "ls"]'],
    ['["env", "A=1", "sh", "-c", var.any]'],
    ['["sudo", "sh", "-c", var.any]'],
    ['["sudo", var.any]'],
    ['["sudo", "-u", "bob", var.any]'],
    ['["sudo", "-Hu", "bob", var.any]'],
    ['["sudo", "-s", var.any]'],
    ['["sudo", "--unknown", var.any]'],
    ['["timeout", "5", "bash", "-c", var.any]'],
    ['["timeout", "5", var.any]'],
    ['["nice", "sh", "-c", var.any]'],
    ['["nice", "-n", "5", var.any]'],
    ['["nohup", var.any]'],
    ['["ssh", "host", "ls ${var.any}"]'],
    ['["ssh", "host", "ls", var.any]'],
    ['["ssh", var.any]'],
    ['["xargs", "sh", "-c", var.any]'],
    ['["xargs", var.any]'],
    ['["awk", "{ print ${var.any} }"]'],
    ['["awk", var.any, "f"]'],
    ['["gawk", "-f", var.any]'],
    ['["sed", "s/a/${var.any}/"]'],
    ['["python", "-c", var.any]'],
    ['["python3.12", "-c", "print(${var.any})"]'],
    ['["python", var.any]'],
    ['["python", "-m", var.any]'],
    ['["node", "-e", var.any]'],
    ['["node", "--eval=${var.any}"]'],
    ['["node", "-r", var.any, "app.js"]'],
    ['["node", "-r", "./x.js", var.any]'],
    ['["perl", "-e", var.any]'],
    ['["perl", "-lne", var.any]'],
    ['["perl", "-e", "1", "-e", var.any]'],
    ['["perl", "-e${var.any}"]'],
    ['["ruby", "-e", var.any]'],
    ['["php", "-r", var.any]'],
    ['["powershell", "-Command", var.any]'],
    ['["pwsh", "-NoProfile", "-Command", "Write ${var.any}"]'],
    ['["cmd", "/c", var.any]'],
    ['["cmd.exe", "/c", "echo ${var.any}"]'],
    ['["kubectl", "exec", "pod", "--", "sh", "-c", var.any]'],
    ['["kubectl", "exec", "pod", "--", var.any]'],
    ['["kubectl", "exec", "pod", var.any]'],
    ['["docker", "exec", "web", "sh", "-c", var.any]'],
    ['["docker", "exec", "web", var.any]'],
    ['["docker", "run", var.any]'],
    ['["docker-compose", "exec", "web", var.any]'],
    ['["docker", "compose", "exec", "web", var.any]'],
    ['["bash", "-c", "--", var.any]'],
    ['["/usr/bin/env", "bash", "-c", var.any]'],
    ['["npx", "-c", var.any]'],
    ['["nsenter", "-t", "1", var.any]'],
    ['["time", "-p", var.any]'],
    ['["s${"h"}", "-c", var.any]'],
    ['["docker", "run", "alpine", var.any]'],
    ['["docker", "run", "--entrypoint", var.any, "alpine"]'],
    ['["su", "-c", var.any]'],
    ['["watch", "ls ${var.any}"]'],
    ['["parallel", var.any]'],
    ['["find", ".", "-exec", "sh", "-c", var.any, ";"]'],
    ['["find", ".", "-exec", var.any, ";"]'],
    ['["busybox", "sh", "-c", var.any]'],
    ['["busybox", var.any]'],
    ['["eval", var.any]'],
    ['["my-wrapper", "sh", "-c", var.any]'],
    ['["my-wrapper", "sh -c ${var.any}"]'],
    ['["git", "-c", "core.pager=${var.any}", "log"]'],
    ['["tar", "--to-command=${var.any}", "-xf", "x.tar"]'],
    ['["make", "V=${var.any}"]'],
    ['["psql", "-c", "select \'${var.any}\'"]'],
    ['[var.yes ? "bash" : "sh", "-c", var.any]'],
    ['["bash", var.yes ? "file" : "-c", var.any]'],
    ['["sudo", var.yes ? "-n" : "ls", var.any]'],
    ['[env("TOOL"), var.any]'],
    ['[var.place, var.any]'],
    ['[try(var.place, "sh"), "-c", var.any]'],
    ['[join("", ["ba", "sh"]), "-c", var.any]'],
    ['concat(["sh"], ["-c", var.any])'],
    ['["sh", "-c", join(" ", var.hosts)]'],
    ['["sh", "-c", operation.first.output]'],
    ['var.yes ? ["a"] : ["sh", "-c", var.any]'],
    ['[for x in ["sh", "-c", var.any] : x]'],
    ['split(" ", "sh -c ${var.any}")'],
    ['["bash", "deploy.sh", "-c", "x", "sh", "-c", var.any]'],
    ['["bash", "deploy.sh", "sh", "-c", var.any]'],
  ])('%s is refused', (command) => {
    const codes = run(command);
    expect(codes).toContain('tainted_script');
    expect(new Set(codes)).toEqual(new Set(['tainted_script']));
  });
});

describe('a URL', () => {
  it.each([
    ['"https://api.internal/v/${var.any}"'],
    ['"https://api.internal/v?q=${var.any}#${var.any}"'],
    ['"https://${var.word}.internal/x"'],
    ['"https://${var.place}.internal:${var.count}/${var.any}"'],
    ['"https://${var.any == "a" ? "a.internal" : "b.internal"}/"'],
    ['"${env("BASE")}/x/${var.any}"'],
    ['var.odd'],
    ['"https://api.internal?x=${var.any}"'],
  ])('%s is possible', (address) => {
    expect(url(address)).toEqual([]);
  });

  it.each([
    ['"https://${var.any}/x"'],
    ['"https://api.internal${var.any}"'],
    ['"https://api.internal:${var.any}/"'],
    ['"https://${var.any}@api.internal/"'],
    ['"${var.any}://api.internal/"'],
    ['"${var.any}/x"'],
    ['var.any'],
    ['"${env("BASE")}${var.any}"'],
    ['join("", ["https://", var.word])'],
    ['"https://${upper(var.word)}/"'],
  ])('%s is refused', (address) => {
    expect(url(address)).toEqual(['tainted_url']);
  });
});

describe('other places', () => {
  it.each([
    ['run {\n command = ["a"]\n env = { (var.any) = "x" }\n}', 'tainted_environment_name'],
    ['run {\n command = ["a"]\n env = { "${var.any}" = "x" }\n}', 'tainted_environment_name'],
    ['run {\n command = ["a"]\n env = var.half\n}', 'tainted_environment_name'],
    ['run {\n command = ["a"]\n env = { for k, v in var.half : k => v }\n}', 'tainted_environment_name'],
    ['run {\n command = ["a"]\n env = { LD_PRELOAD = var.any }\n}', 'tainted_environment_value'],
    ['run {\n command = ["a"]\n env = { "BASH_ENV" = "/x/${var.any}" }\n}', 'tainted_environment_value'],
    [
      'run {\n command = ["a"]\n env = merge({ A = "x" }, { Path = var.any })\n}',
      'tainted_environment_value',
    ],
    ['run {\n command = ["a"]\n dir = var.any\n}', 'tainted_dir'],
    ['run {\n command = ["a"]\n dir = "/${var.any}"\n}', 'tainted_dir'],
    ['run {\n command = ["a"]\n docker {\n image = var.any\n }\n}', 'tainted_container'],
    ['run {\n command = ["a"]\n docker {\n image = "a"\n user = var.any\n }\n}', 'tainted_container'],
    [
      'run {\n command = ["a"]\n docker {\n image = "a"\n volumes = ["/x:${var.any}"]\n }\n}',
      'tainted_container',
    ],
    ['http {\n url = "https://a/"\n headers = { (var.any) = "x" }\n}', 'tainted_header_name'],
    ['http {\n url = "https://a/"\n headers = var.half\n}', 'tainted_header_name'],
    ['http {\n url = "https://a/"\n headers = { A = env(var.any) }\n}', 'tainted_lookup'],
    ['http {\n url = "https://a/"\n headers = { A = secret("x/${var.any}") }\n}', 'tainted_lookup'],
    ['status {\n message = file("/etc/${var.any}")\n}', 'tainted_lookup'],
    ['status {\n message = file("/etc/${upper(var.word)}")\n}', 'tainted_lookup'],
  ])('%s is refused', (operation, code) => {
    expect(codesOf(operation)).toEqual([code]);
  });

  it.each([
    ['run {\n command = ["a"]\n env = { A = var.any, B = "x${var.any}" }\n}'],
    ['run {\n command = ["a"]\n env = var.labels\n}'],
    ['run {\n command = ["a"]\n env = merge({ A = var.any }, { for k, v in var.labels : k => v })\n}'],
    ['run {\n command = ["a"]\n dir = "/srv/${var.any}"\n}'],
    ['run {\n command = ["a"]\n docker {\n image = "app:${var.word}"\n }\n}'],
    ['http {\n url = "https://a/"\n headers = { A = "Bearer ${var.any}" }\n}'],
    ['http {\n url = "https://a/"\n headers = { A = env("X") }\n}'],
    ['http {\n url = "https://a/"\n headers = { A = secret(var.place) }\n}'],
    ['http {\n url = "https://a/"\n headers = { A = secret(var.odd) }\n}'],
    ['run {\n command = ["a"]\n env = { NODE_ENV = var.any }\n}'],
    ['http {\n url = "https://a/"\n method = "POST"\n body = var.any\n query = { a = var.any }\n}'],
    ['status {\n message = "${var.any}"\n}'],
  ])('%s is possible', (operation) => {
    expect(codesOf(operation)).toEqual([]);
  });
});
