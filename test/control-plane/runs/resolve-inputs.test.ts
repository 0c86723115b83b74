import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../protocol/json.ts';
import { inputsBytesMax } from '../../../protocol/limits.ts';
import type { DefinitionChoice } from '../../../control-plane/runs/choose-definition.ts';
import { resolveInputs } from '../../../control-plane/runs/resolve-inputs.ts';
import type { StoredInput } from '../../../control-plane/variables/stored-inputs.ts';

function definition(properties: Record<string, object> | null, required: string[] = []): DefinitionChoice {
  const schema =
    properties === null ? null : { type: 'object', properties, required, additionalProperties: false };
  return {
    digest: 'd',
    schema: schema === null ? null : JSON.stringify(schema),
    timeoutMs: 1,
    idempotent: false,
  };
}

function resolve(
  choice: DefinitionChoice | [DefinitionChoice, ...DefinitionChoice[]],
  sources: { given?: Record<string, JsonValue>; stored?: Record<string, StoredInput>; sensitive?: string[] },
) {
  return resolveInputs(Array.isArray(choice) ? choice : [choice], {
    given: sources.given ?? {},
    stored: new Map(Object.entries(sources.stored ?? {})),
    sensitive: new Set(sources.sensitive ?? []),
  });
}

const stored = (value: JsonValue, more: Partial<StoredInput> = {}): StoredInput => ({
  value,
  sensitive: false,
  scope: 'project',
  ...more,
});
const text = { type: 'string' };
const secret = { type: 'string', 'x-wayside-sensitive': true };

describe('where an input gets its value', () => {
  it('what is given comes before what is stored', () => {
    const { inputs } = resolve(definition({ version: text }), {
      given: { version: 'v1' },
      stored: { version: stored('v0') },
    });
    expect(inputs).toEqual([{ name: 'version', value: 'v1', sensitive: false }]);
  });

  it('a stored variable fills what is not given; a default stays with the agent', () => {
    const { inputs } = resolve(definition({ version: text, region: { ...text, default: 'eu' } }), {
      stored: { version: stored('v0') },
    });
    expect(inputs).toEqual([{ name: 'version', value: 'v0', sensitive: false }]);
  });

  it('a variable that the action does not declare stays where it is', () => {
    expect(resolve(definition({}), { stored: { other: stored('x') } }).inputs).toEqual([]);
  });

  it('an action without declared inputs gets what is given and its own variables, not the project’s', () => {
    const { inputs } = resolve(definition(null), {
      given: { anything: 1 },
      stored: { mine: stored('a', { scope: 'action' }), theirs: stored('b') },
    });
    expect(inputs.map(({ name }) => name)).toEqual(['anything', 'mine']);
  });
});

describe('what is wrong with inputs', () => {
  it('is told of each of them, by name, without the value', () => {
    const attempt = () =>
      resolve(definition({ version: text, token: secret, count: { type: 'number' } }, ['version', 'token']), {
        given: { token: 17, count: 'many', unknown: true },
      });
    expect(attempt).toThrow(expect.objectContaining({ code: 'invalid_inputs' }));
    try {
      attempt();
    } catch (error) {
      const { details } = error as { details: { errors: { path: string }[] } };
      expect(details.errors.map(({ path }) => path).sort()).toEqual([
        'inputs.count',
        'inputs.token',
        'inputs.unknown',
        'inputs.version',
      ]);
      expect(JSON.stringify(error)).not.toContain('many');
    }
  });

  it('names like __proto__ and constructor are names like others', () => {
    const given = JSON.parse('{"__proto__": "x", "constructor": "y"}') as Record<string, JsonValue>;
    expect(() => resolve(definition({}), { given })).toThrow(/__proto__.*constructor/s);
    const properties = JSON.parse('{"__proto__": {"type": "string"}}') as Record<string, object>;
    expect(
      resolve(definition(properties), {
        given: JSON.parse('{"__proto__": "x"}') as Record<string, JsonValue>,
      }).inputs,
    ).toEqual([{ name: '__proto__', value: 'x', sensitive: false }]);
  });

  it('too many bytes', () => {
    const given = { version: 'x'.repeat(inputsBytesMax) };
    expect(() => resolve(definition({ version: text }), { given })).toThrow(
      expect.objectContaining({ code: 'invalid_inputs' }),
    );
  });
});

describe('sensitive inputs', () => {
  it('are what the schema marks, and what was ever advertised as such', () => {
    const { inputs } = resolve(definition({ a: secret, b: text }), {
      given: { a: 'long enough', b: 'long enough' },
      sensitive: ['b'],
    });
    expect(inputs.every(({ sensitive }) => sensitive)).toBe(true);
  });

  it('a sensitive variable may fill only a sensitive input', () => {
    expect(() =>
      resolve(definition({ token: text }), { stored: { token: stored('hunter2', { sensitive: true }) } }),
    ).toThrow(expect.objectContaining({ code: 'sensitive_needs_sensitive_input' }));
    expect(
      resolve(definition({ token: secret }), { stored: { token: stored('hunter2', { sensitive: true }) } })
        .inputs,
    ).toEqual([{ name: 'token', value: 'hunter2', sensitive: true }]);
  });

  it.each([['abc'], [['long enough', 'x']], [{ key: 'abc' }], [12_345], [true]] as JsonValue[][])(
    '%j is too short to be masked',
    (value) => {
      const any = {
        type: ['string', 'array', 'object', 'number', 'boolean'],
        items: text,
        additionalProperties: text,
        'x-wayside-sensitive': true,
      };
      expect(() => resolve(definition({ token: any }), { given: { token: value! } })).toThrow(
        expect.objectContaining({ code: 'secret_too_short' }),
      );
    },
  );
});

describe('several definitions', () => {
  it('the first one that the inputs satisfy is taken', () => {
    const older = { ...definition({ version: text }), digest: 'older' };
    const newer = { ...definition({ version: { type: 'number' } }), digest: 'newer' };
    expect(resolve([newer, older], { given: { version: 'v1' } }).definition.digest).toBe('older');
    expect(resolve([newer, older], { given: { version: 1 } }).definition.digest).toBe('newer');
  });
});
