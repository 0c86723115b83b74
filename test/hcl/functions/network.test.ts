// Networks: addresses come back as they were, subnets tile their network.
import { isIPv4, isIPv6 } from 'node:net';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { expect, it } from 'vitest';
import { countValue } from '../../../hcl/values.ts';
import { callText } from './call.ts';

it('addresses are written as RFC 5952 says', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      fc.pre(!address.includes('.')); // ipaddr.js takes every dotted tail for a mapped IPv4 address
      const written = callText('cidrhost', `${address}/128`, countValue(0));
      expect(isIPv6(written)).toBe(true);
      expect(ipaddr.parse(written).toNormalizedString()).toBe(ipaddr.parse(address).toNormalizedString());
      if (!written.includes('.')) expect(written).toBe(ipaddr.IPv6.parse(address).toRFC5952String());
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.ipV4(), (address) => {
      expect(callText('cidrhost', `${address}/32`, countValue(0))).toBe(address);
    }),
  );
});

it('hosts and subnets lie inside their network', () => {
  fc.assert(
    fc.property(fc.ipV4(), fc.integer({ min: 1, max: 24 }), fc.nat(255), (address, length, number) => {
      const network = `${address}/${length}`;
      const host = callText('cidrhost', network, countValue(number));
      expect(isIPv4(host)).toBe(true);
      expect(ipaddr.IPv4.parse(host).match(ipaddr.IPv4.parseCIDR(network))).toBe(true);
      const subnet = callText('cidrsubnet', network, countValue(8), countValue(number));
      expect(ipaddr.IPv4.parseCIDR(subnet)[1]).toBe(length + 8);
      expect(ipaddr.IPv4.parseCIDR(subnet)[0].match(ipaddr.IPv4.parseCIDR(network))).toBe(true);
      expect(callText('cidrhost', network, countValue(-1 - number))).toBe(
        callText('cidrhost', network, countValue(2 ** (32 - length) - 1 - number)),
      );
    }),
  );
});
