// From the texts of an agent file, or of all files of a folder, to what they define: parse, decode by the schema,
// build, check. Everything that can be known to be wrong before a run is said here, all of it at once.
import type { Block, Source, Span } from '../ast.ts';
import type { Diagnostic } from '../diagnostic.ts';
import { parseFile } from '../parse.ts';
import { decodeBody, readerOf } from '../schema.ts';
import type { DecodedBlock, Reader } from '../schema.ts';
import { buildAction } from './build-action.ts';
import type { ActionDefinition, LoadedAgentFile } from './definition.ts';
import { agentFileSchema } from './file-schema.ts';
import type { actionSchema, agentSchema, groupSchema } from './file-schema.ts';
import { actionsMax, groupsMax } from './limits.ts';
import { buildSettings } from './settings.ts';

export interface SourceText {
  /** As diagnostics show it. */
  readonly name: string;
  readonly text: string;
}

export interface LoadOptions {
  /** As if an `agent` block said `compatibility = "hcp"`. */
  readonly compatibility?: boolean;
}

/** A block and the reader of the file that it stands in. */
interface Found<S> {
  readonly decoded: DecodedBlock<S>;
  readonly reader: Reader;
}

/**
 * Loads several texts as one agent file: a group may be continued in another text, an action may not. Never throws.
 * `file` is null as soon as one diagnostic is an error.
 */
export function loadAgentFile(sources: readonly SourceText[], options: LoadOptions = {}): LoadedAgentFile {
  const diagnostics: Diagnostic[] = [];
  const files = sources.map((each) => decodeSource(each, diagnostics));
  const agents = files.flatMap(({ agent, reader }) => agent.map((decoded) => ({ decoded, reader })));
  const agent = onlyAgent(agents);
  const fallback = readerOf({ name: '', text: '' }, diagnostics);
  const base = buildSettings(agent?.decoded, agent?.reader ?? fallback);
  const settings = { ...base, compatibility: base.compatibility || options.compatibility === true };

  const groups = files.flatMap(({ group, reader }) =>
    keptGroups(
      group.map((decoded) => ({ decoded, reader })),
      settings.compatibility,
    ),
  );
  const names = [...new Set(groups.map(({ decoded }) => nameOf(decoded)))];
  for (const { decoded, reader } of groups) checkName(decoded, 'group', reader);

  const actions: ActionDefinition[] = [];
  const taken = new Map<string, Found<typeof actionSchema>>();
  for (const { decoded: group, reader } of groups) {
    for (const decoded of group.blocks.action) {
      const found = { decoded, reader };
      checkName(decoded, 'action', reader);
      if (!isFirst(found, nameOf(group), taken)) continue;
      const place = { group: nameOf(group), reader, diagnostics, settings, hasAgent: agent !== undefined };
      const action = buildAction(decoded, place);
      if (action !== null) actions.push(action);
    }
  }
  checkCounts(names.length, actions, groups[0]);
  const failed = diagnostics.some(({ severity }) => severity === 'error');
  return {
    file: failed ? null : { settings, groups: names, actions },
    diagnostics: inFileOrder(diagnostics, files),
  };
}

function inFileOrder(
  diagnostics: readonly Diagnostic[],
  files: readonly { readonly reader: Reader }[],
): readonly Diagnostic[] {
  const rank = new Map(files.map(({ reader }, at) => [reader.source, at]));
  const fileOf = ({ source }: Diagnostic): number => rank.get(source) ?? 0;
  return [...diagnostics].sort((a, b) => fileOf(a) - fileOf(b) || a.span.start - b.span.start);
}

function decodeSource(
  { name, text }: SourceText,
  diagnostics: Diagnostic[],
): {
  readonly agent: readonly DecodedBlock<typeof agentSchema>[];
  readonly group: readonly DecodedBlock<typeof groupSchema>[];
  readonly reader: Reader;
} {
  const { source, body, diagnostics: syntax } = parseFile(name, text);
  diagnostics.push(...syntax);
  const reader = readerOf(source, diagnostics);
  const options = { reader, title: 'An agent file', header: { start: 0, end: 0 } };
  return { ...decodeBody(body, agentFileSchema, options).blocks, reader };
}

/** The settings stand in one place; a second `agent` block of the same file was reported by the schema. */
function onlyAgent(agents: readonly Found<typeof agentSchema>[]): Found<typeof agentSchema> | undefined {
  const [first, ...others] = agents;
  for (const { decoded, reader } of others) {
    const detail = `There is one already, in ${first?.reader.source.name ?? 'another file'}. Put all settings into one \`agent\` block.`;
    reader.report(decoded.block.header, { summary: 'Second `agent` block', detail, code: 'repeated_block' });
  }
  return first;
}

/** R8: in the reference product the last of two groups with one name in a file wins, and nobody is told. */
function keptGroups(
  groups: readonly Found<typeof groupSchema>[],
  compatibility: boolean,
): readonly Found<typeof groupSchema>[] {
  return groups.filter(({ decoded, reader }, at) => {
    const name = nameOf(decoded);
    const earlier = groups.slice(0, at).some((other) => nameOf(other.decoded) === name);
    const later = groups.slice(at + 1).some((other) => nameOf(other.decoded) === name);
    if (earlier) {
      const rest = compatibility
        ? 'The actions of the earlier one are ignored.'
        : 'Put its actions into the first.';
      reader.report(decoded.block.header, {
        ...(compatibility ? { severity: 'warning' as const } : {}),
        summary: `Second group \`${name}\``,
        detail: `This file has a group of this name already. ${rest}`,
        code: 'repeated_group',
      });
    }
    return compatibility ? !later : true;
  });
}

function nameOf({ labels }: { readonly labels: readonly { readonly value: string }[] }): string {
  return labels[0]?.value ?? '';
}

function checkName(
  {
    labels,
    block,
  }: { readonly labels: readonly ({ readonly value: string } & Span)[]; readonly block: Block },
  what: string,
  { report }: Reader,
): void {
  const [label] = labels;
  if (label !== undefined && /^[A-Za-z0-9][A-Za-z0-9._:-]{0,62}$/.test(label.value)) return;
  const detail = `The name of ${what === 'action' ? 'an action' : 'a group'} begins with a letter or digit and has letters, digits, \`.\`, \`_\`, \`:\` and \`-\`, 63 at the most.`;
  report(label ?? block.header, { summary: 'Invalid name', detail, code: 'invalid_name' });
}

function isFirst(
  found: Found<typeof actionSchema>,
  group: string,
  taken: Map<string, Found<typeof actionSchema>>,
): boolean {
  const name = nameOf(found.decoded);
  const key = JSON.stringify([group, name]);
  const first = taken.get(key);
  if (first === undefined) {
    taken.set(key, found);
    return true;
  }
  found.reader.report(found.decoded.block.header, {
    summary: `Second action \`${name}\``,
    detail: `The group \`${group}\` has an action of this name already, in ${placeOf(first.reader.source)}.`,
    code: 'repeated_action',
  });
  return false;
}

function placeOf(source: Source): string {
  return source.name === '' ? 'another file' : source.name;
}

function checkCounts(
  groups: number,
  actions: readonly ActionDefinition[],
  first: Found<typeof groupSchema> | undefined,
): void {
  if (first === undefined || (groups <= groupsMax && actions.length <= actionsMax)) return;
  const detail = `One agent serves ${groupsMax} groups and ${actionsMax} actions at the most.`;
  first.reader.report(first.decoded.block.header, {
    summary: 'Too much for one agent',
    detail,
    code: 'too_many',
  });
}
