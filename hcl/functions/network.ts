// Arithmetic on IP network prefixes in CIDR notation (RFC 4632, RFC 4291), written as RFC 5952 recommends.
import { isWhole, printDecimal, toBigInt } from '../decimal.ts';
import type { Value } from '../values.ts';
import { NUMBER, STRING, stringValue } from '../values.ts';
import { numberAt, textAt, wholeAt } from './arguments.ts';
import type { HclFunction, Parameter } from './function.ts';
import { FunctionProblem } from './function.ts';

interface Prefix {
  /** 32 for IPv4, 128 for IPv6. */
  readonly bits: number;
  /** The address with its host bits cleared. */
  readonly network: bigint;
  readonly length: number;
}

const PREFIX: Parameter = {
  name: 'prefix',
  type: STRING,
  description: 'a network such as 10.0.0.0/8 or fd00::/8',
};

function prefixAt(args: readonly Value[], at: number): Prefix {
  const text = textAt(args, at);
  const [, address = '', digits = ''] = /^([0-9a-fA-F.:]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  const bits = address.includes(':') ? 128 : 32;
  const number = bits === 128 ? parseIpv6(address) : parseIpv4(address);
  const length = Number(digits);
  if (number === undefined || digits === '' || length > bits) {
    throw new FunctionProblem('a network such as 10.0.0.0/8 or fd00::/8 is required', {
      argument: at,
      shown: `${JSON.stringify(text)} is none`,
    });
  }
  const hostBits = BigInt(bits - length);
  return { bits, network: (number >> hostBits) << hostBits, length };
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^[0-9]{1,3}$/.test(octet) && Number(octet) < 256))
    return undefined;
  return octets.reduce((address, octet) => (address << 8n) | BigInt(octet), 0n);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  const groups = halves.map(parseGroups);
  const [before, after = []] = groups;
  if (halves.length > 2 || !before || groups.includes(undefined)) return undefined;
  const missing = 8 - before.length - after.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...before, ...Array.from({ length: missing }, () => 0n), ...after].reduce(
    (address, group) => (address << 16n) | group,
    0n,
  );
}

/** The groups between colons; the last one may be an IPv4 address, which counts for two. */
function parseGroups(text: string): bigint[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const last = parts.at(-1) ?? '';
  const ipv4 = last.includes('.') ? parseIpv4(last) : undefined;
  const hexadecimal = last.includes('.') ? parts.slice(0, -1) : parts;
  if (last.includes('.') && ipv4 === undefined) return undefined;
  if (!hexadecimal.every((part) => /^[0-9a-fA-F]{1,4}$/.test(part))) return undefined;
  const groups = hexadecimal.map((part) => BigInt(`0x${part}`));
  return ipv4 === undefined ? groups : [...groups, ipv4 >> 16n, ipv4 & 0xffffn];
}

function printAddress(address: bigint, bits: number): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 0xffn).join('.');
  if (address >> 32n === 0xffffn) return `::ffff:${printAddress(address & 0xffffffffn, 32)}`;
  const groups = Array.from({ length: 8 }, (_, at) => (address >> BigInt(112 - 16 * at)) & 0xffffn);
  const { start, length } = longestZeroRun(groups);
  const hexadecimal = groups.map((group) => group.toString(16));
  if (length < 2) return hexadecimal.join(':');
  return `${hexadecimal.slice(0, start).join(':')}::${hexadecimal.slice(start + length).join(':')}`;
}

function longestZeroRun(groups: readonly bigint[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let at = 0; at < groups.length; at += 1) {
    if (groups[at] !== 0n) start = at + 1;
    else if (at + 1 - start > best.length) best = { start, length: at + 1 - start };
  }
  return best;
}

function wholeBigAt(args: readonly Value[], at: number): bigint {
  const number = numberAt(args, at);
  if (isWhole(number)) return toBigInt(number);
  throw new FunctionProblem('it must be a whole number', {
    argument: at,
    shown: `not ${printDecimal(number)}`,
  });
}

const cidrhost: HclFunction = {
  name: 'cidrhost',
  description: 'The address of a host in a network by its number; numbers below zero count from the end',
  parameters: [PREFIX, { name: 'number', type: NUMBER, description: 'the number of the host' }],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'cidrhost("10.12.112.0/20", 268)', result: '"10.12.113.12"' },
    { call: 'cidrhost("fd00:fd12:3456:7890:00a2::/72", 34)', result: '"fd00:fd12:3456:7890::22"' },
    { call: 'cidrhost("10.0.0.0/8", -2)', result: '"10.255.255.254"' },
  ],
  call(args) {
    const { bits, network, length } = prefixAt(args, 0);
    const number = wholeBigAt(args, 1);
    const hosts = 1n << BigInt(bits - length);
    const host = number < 0n ? hosts + number : number;
    if (host < 0n || host >= hosts) {
      throw new FunctionProblem('the network has no host of this number', {
        argument: 1,
        shown: String(number),
      });
    }
    return stringValue(printAddress(network | host, bits));
  },
};

const cidrnetmask: HclFunction = {
  name: 'cidrnetmask',
  description: 'The subnet mask of an IPv4 network',
  parameters: [PREFIX],
  returns: STRING,
  marks: 'all',
  examples: [{ call: 'cidrnetmask("172.16.0.0/12")', result: '"255.240.0.0"' }],
  call(args) {
    const { bits, length } = prefixAt(args, 0);
    if (bits !== 32) throw new FunctionProblem('only IPv4 networks have a subnet mask', { argument: 0 });
    const all = (1n << 32n) - 1n;
    return stringValue(printAddress(all ^ (all >> BigInt(length)), 32));
  },
};

const cidrsubnet: HclFunction = {
  name: 'cidrsubnet',
  description: 'A network inside a network, by how many bits longer its prefix is and by its number',
  parameters: [
    PREFIX,
    { name: 'newbits', type: NUMBER, description: 'how many bits longer the prefix is' },
    { name: 'netnum', type: NUMBER, description: 'the number of the network among those' },
  ],
  returns: STRING,
  marks: 'all',
  examples: [
    { call: 'cidrsubnet("172.16.0.0/12", 4, 2)', result: '"172.18.0.0/16"' },
    { call: 'cidrsubnet("fd00:fd12:3456:7890::/56", 16, 162)', result: '"fd00:fd12:3456:7800:a200::/72"' },
  ],
  call(args) {
    const { bits, network, length } = prefixAt(args, 0);
    const newBits = wholeAt(args, 1, { min: 0, max: bits - length });
    const number = wholeBigAt(args, 2);
    if (number < 0n || number >= 1n << BigInt(newBits)) {
      throw new FunctionProblem(`it does not fit into ${newBits} bits`, {
        argument: 2,
        shown: String(number),
      });
    }
    const subnet = network | (number << BigInt(bits - length - newBits));
    return stringValue(`${printAddress(subnet, bits)}/${length + newBits}`);
  },
};

export const networkFunctions: readonly HclFunction[] = [cidrhost, cidrnetmask, cidrsubnet];
