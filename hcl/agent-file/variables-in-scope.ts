// The variables that an expression at a place in a file can name: inputs of its action, results of earlier
// operations, and what is built in. Read from the tree of an unfinished file.
import type { Block, Body } from '../ast.ts';
import type { OpenBlock } from '../complete-context.ts';
import { parseFile } from '../parse.ts';
import { builtIns, operationResults, responseParts } from './names.ts';
import type { OperationDefinition } from './definition.ts';
import { literalText } from './references.ts';

export interface KnownVariable {
  readonly path: readonly string[];
  /** One line. */
  readonly detail: string;
  /** Markdown. */
  readonly docs: string;
}

export function variablesIn(
  text: string,
  blocks: readonly OpenBlock[],
  offset: number,
): readonly KnownVariable[] {
  const open = blocks.find(({ type }) => type === 'action');
  const { body } = parseFile('', text);
  const action = open === undefined ? undefined : findBlock(body, open.start);
  const inner = action?.body.blocks ?? [];
  return [
    ...inner.filter(({ type }) => type === 'input').flatMap((block) => inputVariable(text, block)),
    ...inner.filter(({ type, end }) => type === 'operation' && end <= offset).flatMap(operationVariables),
    ...builtIns.map(({ path, docs }) => ({ path, detail: path.join('.'), docs })),
  ];
}

function findBlock(body: Body, start: number): Block | undefined {
  for (const block of body.blocks) {
    if (block.start === start) return block;
    const inner = findBlock(block.body, start);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

function inputVariable(text: string, { labels, body }: Block): readonly KnownVariable[] {
  const [label] = labels;
  if (label === undefined) return [];
  const attribute = (name: string) => body.attributes.find((each) => each.name === name)?.expression;
  const type = attribute('type');
  const description = attribute('description');
  const shown = type === undefined ? 'string' : text.slice(type.start, type.end);
  const docs = description === undefined ? '' : (literalText(description) ?? '');
  return [{ path: ['var', label.value], detail: `var.${label.value} (${shown})`, docs }];
}

function operationVariables({ body }: Block): readonly KnownVariable[] {
  const name = body.attributes.find((each) => each.name === 'name')?.expression;
  const label = name === undefined ? null : literalText(name);
  const kind = body.blocks.map(({ type }) => type).find(isKind);
  if (label === null || kind === undefined || !/^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(label)) return [];
  return [...operationResults[kind]].flatMap(([result, docs]) => {
    const path = ['operation', label, result];
    const known = { path, detail: path.join('.'), docs };
    if (result !== 'response') return [known];
    const parts = [...responseParts].map(([part, partDocs]) => ({
      path: [...path, part],
      detail: [...path, part].join('.'),
      docs: partDocs,
    }));
    return [known, ...parts];
  });
}

function isKind(type: string): type is OperationDefinition['kind'] {
  return type === 'run' || type === 'http' || type === 'status';
}
