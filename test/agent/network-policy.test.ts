import { describe, expect, test } from 'vitest';
import { compilePolicy, literalAddress, refusal, refusalThroughProxy } from '../../agent/network-policy.ts';

const open = compilePolicy(null);

function ask(allow: readonly string[] | null, url: string, addresses?: readonly string[]): string | null {
  const { hostname, port, protocol } = new URL(url);
  const destination = {
    host: hostname,
    port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port),
  };
  const literal = literalAddress(hostname);
  return refusal(compilePolicy(allow), destination, addresses ?? (literal === null ? [] : [literal]));
}

describe('without a list', () => {
  test.each([
    'http://127.0.0.1/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f000001/',
    'http://017700000001/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://[::ffff:7f00:1]/',
    'http://[::127.0.0.1]/',
    'http://[::]/',
    'http://0.0.0.0/',
    'http://0/',
    'http://169.254.169.254/latest/meta-data/',
    'http://[fe80::1]/',
    'http://[fd00:ec2::254]/',
    'http://100.100.100.200/',
    'http://168.63.129.16/',
    'http://[64:ff9b::7f00:1]/',
    'http://[2002:7f00:1::]/',
    'http://[2001::1]/',
    'http://224.0.0.1/',
    'http://255.255.255.255/',
    'http://192.0.2.1/',
    'http://[fec0::1]/',
  ])('%s is refused', (url) => {
    expect(ask(null, url)).toMatch(/needs naming/);
  });

  test.each([
    'http://10.1.2.3/',
    'http://192.168.0.1:8080/',
    'http://[fd12::1]/',
    'http://100.64.0.1/',
    'http://8.8.8.8/',
  ])('%s is open, because agents are there to reach private networks', (url) => {
    expect(ask(null, url)).toBeNull();
  });

  test('a name is judged by every address that it has', () => {
    expect(ask(null, 'http://app.internal/', ['10.0.0.1'])).toBeNull();
    expect(ask(null, 'http://app.internal/', ['10.0.0.1', '127.0.0.1'])).toMatch(/loopback/);
    expect(ask(null, 'http://app.internal/', ['::ffff:169.254.169.254'])).toMatch(/link-local/);
    expect(ask(null, 'http://app.internal/', [])).toMatch(/no address/);
    expect(ask(null, 'http://localhost/', ['127.0.0.1'])).toMatch(/add "127.0.0.1:80"/);
  });
});

describe('with a list', () => {
  test('only what it names is open', () => {
    const allow = ['10.0.0.0/8', '*.internal:443', 'deployer.example', '[fd00::1]:8443'];
    expect(ask(allow, 'http://10.200.0.1:9000/')).toBeNull();
    expect(ask(allow, 'http://192.168.0.1/')).toMatch(/not in network.allow/);
    expect(ask(allow, 'https://a.b.internal/', ['192.168.0.1'])).toBeNull();
    expect(ask(allow, 'http://a.b.internal/', ['192.168.0.1'])).toMatch(/port 80, is not in network.allow/);
    expect(ask(allow, 'https://internal/', ['192.168.0.1'])).toMatch(/not in/);
    expect(ask(allow, 'https://evil-internal/', ['192.168.0.1'])).toMatch(/not in/);
    expect(ask(allow, 'https://DEPLOYER.example./', ['192.168.0.1'])).toBeNull();
    expect(ask(allow, 'https://deployer.example.evil/', ['192.168.0.1'])).toMatch(/not in/);
    expect(ask(allow, 'https://[fd00::1]:8443/')).toBeNull();
    expect(ask(allow, 'https://[fd00::1]/')).toMatch(/not in/);
    expect(ask(allow, 'https://unlisted.example/', ['10.3.2.1'])).toBeNull();
  });

  test('a name never opens a closed class, a range that lies in the class does', () => {
    expect(ask(['localhost', '*.localhost'], 'http://localhost:8080/', ['127.0.0.1'])).toMatch(/loopback/);
    expect(ask(['*.internal'], 'http://x.internal/', ['169.254.169.254'])).toMatch(/link-local/);
    expect(ask(['0.0.0.0/0', '::/0'], 'http://127.0.0.1/')).toMatch(/loopback/);
    expect(ask(['127.0.0.0/8'], 'http://localhost:8080/', ['127.0.0.1'])).toBeNull();
    expect(ask(['127.0.0.1:8080'], 'http://127.0.0.1:8080/')).toBeNull();
    expect(ask(['127.0.0.1:8080'], 'http://127.0.0.1:8081/')).toMatch(/loopback/);
    expect(ask(['::1'], 'http://[::1]/')).toBeNull();
    expect(ask(['169.254.169.254'], 'http://169.254.169.254/')).toBeNull();
    expect(ask(['169.254.0.0/16'], 'http://169.254.169.254/')).toBeNull();
    expect(ask(['100.64.0.0/10'], 'http://100.100.100.200/')).toMatch(/metadata/);
    expect(ask(['::ffff:127.0.0.1'], 'http://127.0.0.1/')).toBeNull();
    expect(ask(['::ffff:127.0.0.0/104'], 'http://127.9.9.9/')).toBeNull();
  });

  test.each([
    '10.0.0.0/33',
    '::1/129',
    'a b',
    '',
    'http://x/',
    'host:0',
    'host:70000',
    '*x',
    '*',
    'a.*.b',
    '10.0.0.0/x',
  ])('"%s" is not an entry', (entry) => {
    expect(() => compilePolicy([entry])).toThrow(/is not an address/);
  });
});

test('the control plane is refused even where the list names it', () => {
  const policy = compilePolicy(['127.0.0.0/8', '*.example'], { deny: ['127.0.0.1:7401', 'wayside.example'] });
  expect(refusal(policy, { host: '127.0.0.1', port: 7401 }, ['127.0.0.1'])).toMatch(/control plane/);
  expect(refusal(policy, { host: 'other', port: 7401 }, ['127.0.0.1'])).toMatch(/control plane/);
  expect(refusal(policy, { host: 'wayside.example', port: 443 }, ['10.0.0.1'])).toMatch(/control plane/);
  expect(refusal(policy, { host: '127.0.0.1', port: 9000 }, ['127.0.0.1'])).toBeNull();
  expect(refusalThroughProxy(policy, { host: 'wayside.example', port: 443 })).toMatch(/control plane/);
});

test('behind a proxy literals are judged by address and names by name', () => {
  expect(refusalThroughProxy(open, { host: 'app.internal', port: 80 })).toBeNull();
  expect(refusalThroughProxy(open, { host: '[::ffff:7f00:1]', port: 80 })).toMatch(/loopback/);
  expect(refusalThroughProxy(open, { host: 'localhost', port: 80 })).toMatch(/this machine/);
  expect(refusalThroughProxy(open, { host: 'a.localhost.', port: 80 })).toMatch(/this machine/);
  expect(refusalThroughProxy(open, { host: 'metadata.google.internal', port: 80 })).toMatch(/metadata/);
  const ranges = compilePolicy(['10.0.0.0/8']);
  expect(refusalThroughProxy(ranges, { host: 'app.internal', port: 80 })).toMatch(/behind a proxy/);
  expect(refusalThroughProxy(compilePolicy(['*.internal']), { host: 'app.internal', port: 80 })).toBeNull();
});
