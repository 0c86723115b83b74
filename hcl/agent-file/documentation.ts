// The documentation page of the agent file, made from its schemas: docs/agent-file.md is this text, and a test says so.
import { format } from '../format.ts';
import { standardFunctions } from '../functions/standard.ts';
import type { AttributeSchemas, BlockSchema, BlockSchemas } from '../schema.ts';
import { runEntriesMax, runEntriesPerMinuteMax } from './limits.ts';
import { agentFileSchema } from './file-schema.ts';
import { agentFunctions, builtIns, operationResults, responseParts, signatureOf } from './names.ts';

type AnyBlock = BlockSchema<AttributeSchemas, BlockSchemas>;

/** The whole page, in Markdown. */
export function documentationPage(): string {
  const seen = new Set<AnyBlock>();
  const blocks = Object.entries(agentFileSchema.blocks).reverse();
  return [
    introduction,
    ...blocks.map(([name, block]) => blockSection([name], block, seen)),
    variables(),
    tokenOfRun,
    functions(),
  ].join('\n');
}

const introduction = `# The agent file

This page is generated from the schemas in \`hcl/agent-file/\` that also load the file, check it and complete it in an
editor.

An agent file says what an agent can do. It is written in HCL by the platform engineers of a private network and stays
on the agent's disk: the control plane learns the names of the actions, their inputs and a digest, never a command, a
URL or an environment. One file or a folder of \`*.hcl\` files is loaded as one; a group may be continued in another
file, an action is defined once.

\`\`\`hcl
group "prod" {
  action "promote" {
    description = "Promote a build to production"

    input "version" {
      pattern = "^v[0-9]+\\\\.[0-9]+\\\\.[0-9]+$"
    }

    run {
      command = ["./promote.sh", var.version]
    }
  }
}
\`\`\`

Everything that can be known to be wrong is said when the file is loaded, all of it at once, with line and column:
misspelt names, wrong types, unknown variables and functions, and inputs where they could become code. An input may
be any text, so it may not stand where text is more than data: in a string command, in the script of an interpreter
such as \`sh -c\`, as the name of a program, of a header or of an environment variable, in the scheme, user, host or
port of a URL, in the options of a container, or in the argument of \`env\`, \`file\` or \`secret\`. Unless every value
that it can take is a plain word there, which its \`options\` or its \`pattern\` must prove.

A run is bound to the *digest* of the action that was asked for: a SHA-256 over the tokens of the action, comments and
layout left out. Scripts that a command starts and images that it runs are not part of it, unless the action lists
them: a \`run\` block's \`hashes\` names files with their SHA-256, and \`image = "NAME@sha256:…"\` names one very image.
Who can change what is not listed on the agent's machine changes what the action does without changing its digest. A
listed file is looked at right before the start; so that nobody changes it between that look and the start, let it and
its folder belong to another user than the one that commands run as.

In the tables **+** marks what the reference product's files do not have. Types that end in *at run* are expressions
that are evaluated for each run; all others are literal. A duration is a text such as \`"90s"\`, \`"15m"\` or
\`"1h30m"\`, a size is a number of bytes or a text such as \`"512KiB"\`.
`;

const tokenOfRun = `## The token of a run

With \`token = true\` in an action the control plane makes a token for each attempt of its runs. It comes sealed to the
agent like a sensitive input, is masked in all that leaves the agent, and is good for two things: to write status entries
of that run, \`POST /v1/runs/ID/status\`, and to show it. It ends in the moment in which the attempt ends, whatever the
reason, and also when its agent is revoked or whoever pressed may not start the action any more.

Commands find \`WAYSIDE_TOKEN\` and \`WAYSIDE_RUN_ID\` in their environment, and \`WAYSIDE_URL\` and \`WAYSIDE_CA_FILE\`
where the \`api\` block of the agent's own settings gives them: no frame carries an address. The command line reads all of
them: \`wayside run status "half of it" --with rows=120000 --status running\`. In a container a path of the host means
nothing, so \`WAYSIDE_CA_FILE\` is not set there. An \`http\` operation sends
\`Authorization = "Bearer \${run.token}"\` to a literal address; on loopback the \`network\` block has to name it.

An entry is \`{"message": "…", "values": {…}, "status": "running" | "complete" | "error"}\`; an attempt writes ${runEntriesMax}
of them at the most and ${runEntriesPerMinuteMax} a minute. What a command writes itself is masked by nobody: keep secrets out
of it. Whoever can read the environment of a command can write such entries, and nothing else, until it ends.
`;

/** The section of a block and of the blocks in it; one that stands in several places is told once. */
function blockSection(path: readonly string[], block: AnyBlock, seen: Set<AnyBlock>): string {
  seen.add(block);
  const inner = Object.entries(block.blocks);
  const known = inner.filter(([, each]) => seen.has(each)).map(([name]) => `\`${name}\``);
  const fresh = inner.filter(([, each]) => !seen.has(each));
  for (const [, each] of fresh) seen.add(each);
  const parts = [
    `${'#'.repeat(Math.min(path.length + 1, 4))} \`${path.join(' › ')}\`${block.added ? ' **+**' : ''}\n`,
    `${block.docs}\n`,
    ...block.labels.map(labelText),
    attributeTable(block),
    known.length === 0 ? '' : `Holds ${known.join(', ')} too, described elsewhere on this page.\n`,
    example(path.at(-1) ?? '', block),
    ...fresh.map(([name, each]) => blockSection([...path, name], each, seen)),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function labelText({ docs, values }: AnyBlock['labels'][number]): string {
  const choice = values === undefined ? '' : `: ${values.map((value) => `\`"${value}"\``).join(', ')}`;
  return `Its label is ${docs}${choice}.\n`;
}

function attributeTable({ attributes }: AnyBlock): string {
  const rows = Object.entries(attributes).map(([name, attribute]) => {
    const { kind, required, docs, added } = attribute;
    const type = kind.when === 'run' ? `${kind.type}, *at run*` : kind.type;
    const values =
      kind.values === undefined || kind.type === 'bool'
        ? ''
        : `: ${kind.values.map((each) => `\`${each}\``).join(', ')}`;
    const absent = required === true ? 'required' : (attribute.default ?? '');
    return `| \`${name}\`${added ? ' **+**' : ''} | ${type}${values} | ${absent} | ${docs.replaceAll('|', '\\|')} |`;
  });
  if (rows.length === 0) return '';
  return `| attribute | type | when absent | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`;
}

/** One block with every attribute as its example has it. */
function example(name: string, { attributes, labels, blocks }: AnyBlock): string {
  const lines = Object.values(attributes).flatMap((attribute) => attribute.example ?? []);
  if (lines.length === 0) return '';
  const header = [name, ...labels.map(({ values }) => `"${values?.[0] ?? 'name'}"`)].join(' ');
  const holds = Object.keys(blocks).map((each) => `\`${each}\``);
  const rest = holds.length === 0 ? '' : `\nBlocks in it: ${holds.join(', ')}.\n`;
  return `Each attribute in use:\n\n\`\`\`hcl\n${format(`${header} {\n${lines.join('\n')}\n}\n`)}\`\`\`\n${rest}`;
}

function variables(): string {
  const rows = builtIns.map(({ path, docs }) => `| \`${path.join('.')}\` | ${docs} |`);
  const results = Object.entries(operationResults).flatMap(([kind, names]) =>
    [...names].map(([name, docs]) => `| \`operation.NAME.${name}\` | \`${kind}\`: ${docs} |`),
  );
  const parts = [...responseParts].map(
    ([name, docs]) => `| \`operation.NAME.response.${name}\` | \`http\`: ${docs} |`,
  );
  return `## Variables

\`var.NAME\` is the input of that name: given for the run, else the stored variable of the same name, else its default.
An action without \`input\` blocks takes what the run brings. \`operation.NAME\` is an earlier operation; for a \`run\`,
\`http\` or \`status\` block that stands alone in its action the name is its kind, for use in outputs.

| variable | meaning |
|---|---|
${[...rows, ...results, ...parts].join('\n')}
`;
}

function functions(): string {
  const own = [...agentFunctions.values()].map(
    (each) => `| \`${signatureOf(each)}\` | ${each.description} |`,
  );
  const rows = [...standardFunctions.values()].map(
    (each) =>
      `| \`${signatureOf(each)}\` | ${each.description.replaceAll('|', '\\|').replaceAll('\n', ' ')} |`,
  );
  return `## Functions of the agent

They read what the private network keeps to itself, where the \`agent\` block allows it. Of the result of a conditional that is not selected nothing is read: what it names need not be there.

| function | meaning |
|---|---|
${own.join('\n')}

## Functions of the language

The same arguments give the same result everywhere; nothing of the machine is read or changed.

| function | meaning |
|---|---|
${rows.join('\n')}
`;
}
