// Configuration: flags before variables before the file before defaults; wrong values are named; nothing is left out.
import { describe, expect, test } from 'vitest';
import { configOptions, readConfig } from '../../agent/config.ts';
import type { Environment, RawConfig } from '../../agent/config.ts';
import { loadRegistry } from '../../agent/load.ts';

const edge = { isRoot: false, kill: () => undefined };
const read = (flags: RawConfig = {}, env: Environment = {}) => readConfig(flags, env, edge);
const settingsOf = (text: string, flags: RawConfig = {}, env: Environment = {}) => {
  const { registry } = loadRegistry([{ name: 'agent.hcl', text }], read(flags, env));
  if (registry === null) throw new Error('the file has errors');
  return registry.settings;
};
const file = `agent {
  concurrency    = 3
  shutdown_grace = "10s"
  env_allow      = ["A"]
  state_dir      = "/srv/state"
  network {
    proxy = "http://file.proxy:3128"
  }
}`;

describe('configuration', () => {
  test('takes the file over defaults, variables over the file, flags over variables', () => {
    expect(settingsOf('').concurrency).toBeGreaterThan(0);
    expect(settingsOf(file)).toMatchObject({ concurrency: 3, shutdownGraceMs: 10_000, envAllow: ['A'] });
    const env = { WAYSIDE_AGENT_CONCURRENCY: '5', WAYSIDE_AGENT_ENV_ALLOW: 'B, C' };
    expect(settingsOf(file, {}, env)).toMatchObject({
      concurrency: 5,
      envAllow: ['B', 'C'],
      shutdownGraceMs: 10_000,
    });
    expect(settingsOf(file, { concurrency: '7', shutdownGrace: '1m' }, env)).toMatchObject({
      concurrency: 7,
      shutdownGraceMs: 60_000,
    });
  });

  test('cannot be changed afterwards', () => {
    const config = read();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(settingsOf(''))).toBe(true);
  });

  test('knows where the state is kept', () => {
    const settings = settingsOf(file);
    expect(read().stateDir(settings)).toBe('/srv/state');
    expect(read({ stateDir: '/flag' }).stateDir(settings)).toBe('/flag');
    expect(read({}, { HOME: '/home/a' }).stateDir(null)).toBe('/home/a/.local/state/wayside-agent');
    expect(readConfig({}, {}, { ...edge, isRoot: true }).stateDir(null)).toBe('/var/lib/wayside-agent');
  });

  test('finds the proxy: flag, variable, file, then what the environment says for everybody', () => {
    const settings = settingsOf(file);
    const env = { HTTPS_PROXY: 'http://env.proxy:1', NO_PROXY: 'localhost' };
    expect(read({}, env).proxyEnv(settings)).toEqual({
      https_proxy: 'http://file.proxy:3128',
      no_proxy: 'localhost',
    });
    expect(read({}, env).proxyEnv(null)).toEqual({
      https_proxy: 'http://env.proxy:1',
      no_proxy: 'localhost',
    });
    expect(read({ proxy: 'http://flag:2' }, env).proxyEnv(settings).https_proxy).toBe('http://flag:2');
  });

  test.each([
    [{ concurrency: '0' }, '--concurrency (or WAYSIDE_AGENT_CONCURRENCY)'],
    [{ concurrency: 'many' }, 'a whole number from 1 to'],
    [{ shutdownGrace: 'soon' }, 'a duration such as 30s'],
    [{ compatibility: 'yes' }, 'hcp'],
    [{ logLevel: 'loud' }, 'one of debug, info'],
    [{ proxy: 'socks://user:secret@x' }, 'http://'],
  ])('says what is wrong with %o and how it must be', (flags, says) => {
    expect(() => read(flags)).toThrow(says);
    expect(() => read(flags)).not.toThrow('secret');
  });

  test('allows fault points in fault tests alone', () => {
    const env = { WAYSIDE_AGENT_FAULT: 'begun.durable' };
    expect(() => read({}, env)).toThrow('allowed in fault tests only');
    expect(() => read({}, { ...env, NODE_ENV: 'production' })).toThrow('fault tests');
    let killed = 0;
    const config = readConfig(
      {},
      { ...env, NODE_ENV: 'test', WAYSIDE_AGENT_FAULT: 'begun.durable:2' },
      {
        isRoot: false,
        kill: () => (killed += 1),
      },
    );
    for (const name of ['begun.durable', 'other', 'begun.durable', 'begun.durable']) config.faultPoint(name);
    expect(killed).toBe(1);
  });

  test('gives every setting a flag, a variable of the agent and words', () => {
    for (const [name, option] of Object.entries(configOptions)) {
      expect(option.key).toBe(name);
      expect(option.flag).toMatch(/^(-\w, )?--[a-z-]+ <\w+>$/);
      expect(option.variable).toBe(
        `WAYSIDE_AGENT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`,
      );
      expect(option.doc.length).toBeGreaterThan(10);
    }
  });
});
