// `yamldecode`: the part of YAML 1.2 (core schema) that values can express, with all digits of its numbers. Aliases
// share one value, so that what they unfold to is bounded like any value.
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';
import type { Node, Pair, Scalar, YAMLMap } from 'yaml';
import { decimal } from '../decimal.ts';
import { valueDepthMax, yamlTextMax } from '../limits.ts';
import type { Value } from '../values.ts';
import {
  ANY,
  boolValue,
  NULL,
  numberFromText,
  numberValue,
  objectValue,
  STRING,
  stringValue,
  tupleValue,
} from '../values.ts';
import { textAt } from './arguments.ts';
import { placeIn } from './encoding.ts';
import type { HclFunction } from './function.ts';
import { FunctionProblem } from './function.ts';
import { parseTimestamp, printTimestamp } from './timestamp.ts';

const TAGS = 'tag:yaml.org,2002:';
const NULL_TEXT = /^(?:~|null|Null|NULL)?$/;
const BOOL_TEXT = /^(?:true|True|TRUE|false|False|FALSE)$/;
const INTEGER_TEXT = /^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$/;
const FRACTION_TEXT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/;
const INFINITE_TEXT = /^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$/;

/** The values of the anchors so far; undefined while the anchored value is being read. */
type Anchors = Map<string, Value | undefined>;

interface Reading {
  readonly anchors: Anchors;
  readonly depth: number;
}

function wrong(reason: string, shown?: string): FunctionProblem {
  return new FunctionProblem(reason, shown === undefined ? { argument: 0 } : { argument: 0, shown });
}

function decodeYaml(text: string): Value {
  const documents = parseAllDocuments(text, {
    schema: 'failsafe',
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  if (!Array.isArray(documents) || documents.length === 0) return NULL;
  const [document, second] = documents;
  const [error] = document?.errors ?? [];
  if (error) throw wrong('it is not YAML', `${placeIn(text, error.pos[0])}: ${error.message}`);
  if (second) throw wrong('it has more than one document');
  return document?.contents ? readNode(document.contents, { anchors: new Map(), depth: 0 }) : NULL;
}

function readNode(node: Node, { anchors, depth }: Reading): Value {
  if (depth > valueDepthMax) throw wrong(`it is nested more than ${valueDepthMax} levels deep`);
  if (isAlias(node)) {
    const value = anchors.get(node.source);
    if (value) return value;
    const isOpen = anchors.has(node.source);
    throw wrong(
      isOpen ? 'an alias refers to a value that contains it' : 'an alias has no anchor',
      `*${node.source}`,
    );
  }
  const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
  if (anchor !== undefined) anchors.set(anchor, undefined);
  const value = readContent(node, { anchors, depth: depth + 1 });
  if (anchor !== undefined) anchors.set(anchor, value);
  return value;
}

function readContent(node: Node, reading: Reading): Value {
  if (isScalar(node)) return readScalar(node);
  if (isMap<Node, Node | null>(node) && isTagged(node, 'map')) return readMap(node, reading);
  if (isSeq<Node>(node) && isTagged(node, 'seq'))
    return tupleValue(node.items.map((item) => readNode(item, reading)));
  throw wrong('a tag is not supported', node.tag);
}

function isTagged({ tag }: Node, name: string): boolean {
  return tag === undefined || tag === TAGS + name;
}

function readMap(node: YAMLMap<Node, Node | null>, reading: Reading): Value {
  const own = new Map<string, Value>();
  const merged: [string, Value][] = [];
  for (const pair of node.items) {
    const value = pair.value ? readNode(pair.value, reading) : NULL;
    if (isMerge(pair)) {
      merged.unshift(...mergedEntries(value));
      continue;
    }
    const key = readKey(pair.key);
    if (own.has(key)) throw wrong('a key stands twice in one mapping', JSON.stringify(key));
    own.set(key, value);
  }
  return objectValue([...merged, ...own]);
}

/** `<<` takes in the entries of a mapping or of several, of which the first that has a key decides. */
function isMerge({ key }: Pair<Node, Node | null>): boolean {
  return isScalar(key) && key.source === '<<' && key.type === 'PLAIN';
}

function mergedEntries(value: Value): [string, Value][] {
  const sources = value.kind === 'tuple' ? [...value.items].reverse() : [value];
  return sources.flatMap((source) => {
    if (source.kind !== 'object') throw wrong('a merge key `<<` takes only mappings');
    return [...source.entries];
  });
}

function readKey(key: Node): string {
  const value = isScalar(key) ? readScalar(key) : undefined;
  if (!value || value.kind === 'null') throw wrong('a key of a mapping must be a text');
  return value.kind === 'string' ? value.value : (isScalar(key) && key.source) || '';
}

function readScalar(node: Scalar): Value {
  const text = typeof node.value === 'string' ? node.value : (node.source ?? '');
  const { tag } = node;
  if (tag === undefined) return node.type === 'PLAIN' ? readPlain(text) : stringValue(text);
  switch (tag.startsWith(TAGS) ? tag.slice(TAGS.length) : tag) {
    case '!':
    case 'str':
      return stringValue(text);
    case 'int':
    case 'float':
      return readNumber(node.source ?? text) ?? mistagged(tag);
    case 'bool':
      return BOOL_TEXT.test(node.source ?? text) ? readPlain(node.source ?? text) : mistagged(tag);
    case 'null':
      return NULL;
    case 'timestamp':
      return readTimestamp(node.source ?? text) ?? mistagged(tag);
    case 'binary':
      return stringValue((node.source ?? text).replace(/\s/g, ''));
    default:
      throw wrong('a tag is not supported', tag);
  }
}

function mistagged(tag: string): never {
  throw wrong('a value is not what its tag says', tag);
}

function readPlain(text: string): Value {
  if (NULL_TEXT.test(text)) return NULL;
  if (BOOL_TEXT.test(text)) return boolValue(text.toLowerCase() === 'true');
  if (INFINITE_TEXT.test(text)) throw wrong('numbers are finite here', text);
  return readNumber(text) ?? stringValue(text);
}

function readNumber(text: string): Value | undefined {
  if (!INTEGER_TEXT.test(text) && !FRACTION_TEXT.test(text)) return undefined;
  const value = /^0[ox]/.test(text) ? fromRadix(text) : numberFromText(plainDigits(text));
  if (!value) throw wrong('a number has more digits than numbers may have');
  return value;
}

/** `+.5e3` and `5.` as other numbers are written: no plus, and digits on both sides of a point. */
function plainDigits(text: string): string {
  const unsigned = text.replace(/^\+/, '').replace(/^(-?)\./, '$10.');
  return unsigned.replace(/\.(?![0-9])/, '');
}

function fromRadix(text: string): Value | undefined {
  const value = text.length > yamlTextMax ? undefined : decimal(BigInt(text));
  return value && numberValue(value);
}

function readTimestamp(text: string): Value | undefined {
  const timestamp = parseTimestamp(/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) ? `${text}T00:00:00Z` : text);
  const printed = timestamp && printTimestamp(timestamp);
  return printed === undefined ? undefined : stringValue(printed);
}

const yamldecode: HclFunction = {
  name: 'yamldecode',
  description: 'The value that a YAML text describes; numbers keep all their digits',
  parameters: [{ name: 'string', type: STRING, description: 'one YAML document' }],
  returns: ANY,
  marks: 'all',
  examples: [
    { call: 'yamldecode("hello: world")', result: '{ hello = "world" }' },
    { call: 'yamldecode("{a: &foo [1, 2, 3], b: *foo}")', result: '{ a = [1, 2, 3], b = [1, 2, 3] }' },
  ],
  call(args, context) {
    const text = textAt(args, 0);
    if (text.length > yamlTextMax) throw wrong(`it has more than ${yamlTextMax} characters`);
    context.charge(text.length);
    return decodeYaml(text);
  },
};

export const yamlDecodeFunctions: readonly HclFunction[] = [yamldecode];
