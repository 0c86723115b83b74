// docs/agent-file.md is the page that the schemas give. After a change of a schema: `npx vitest run test/hcl -u`.
import { expect, it } from 'vitest';
import { documentationPage } from '../../../hcl/agent-file/documentation.ts';
import { agentFileSchema } from '../../../hcl/agent-file/file-schema.ts';
import type { AnyBody } from '../../../hcl/schema.ts';
import { decodeBody, readerOf } from '../../../hcl/schema.ts';
import { parseFile } from '../../../hcl/parse.ts';
import type { Diagnostic } from '../../../hcl/diagnostic.ts';

function attributesOf(schema: AnyBody, path: string): readonly (readonly [string, AnyBody, string])[] {
  return [
    ...Object.keys(schema.attributes).map((name) => [`${path}.${name}`, schema, name] as const),
    ...Object.entries(schema.blocks).flatMap(([name, block]) => attributesOf(block, `${path}.${name}`)),
  ];
}

const attributes = attributesOf(agentFileSchema, 'file');

it('is the committed page', async () => {
  await expect(documentationPage()).toMatchFileSnapshot('../../../docs/agent-file.md');
});

it('names every block and attribute, and its types', () => {
  const page = documentationPage();
  for (const [, schema, name] of attributes) {
    expect(page).toContain(`| \`${name}\``);
    expect(page).toContain(schema.attributes[name]?.docs.replaceAll('|', '\\|'));
  }
});

it.each(attributes)('has an example of %s that its schema accepts', (_path, schema, name) => {
  const example = schema.attributes[name]?.example ?? '';
  expect(example).toMatch(new RegExp(`^${name} = `));
  const { source, body, diagnostics } = parseFile('example', `${example}\n`);
  const found: Diagnostic[] = [...diagnostics];
  const only = { ...schema, attributes: { [name]: schema.attributes[name]! }, blocks: {} };
  decodeBody(body, only, { reader: readerOf(source, found), title: 'It', header: { start: 0, end: 0 } });
  expect(found).toEqual([]);
});
