// Which addresses our own requests may go to.
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { guardAddresses, guardedLookup } from '../../../control-plane/oauth/addresses.ts';

test.each([
  '127.0.0.1',
  '127.8.8.8',
  '10.1.2.3',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  '::ffff:127.0.0.1',
  '::ffff:10.0.0.1',
  '::127.0.0.1',
  '64:ff9b::a00:1',
  'fe80::1',
  'fd00:ec2::254',
  'ff02::1',
  '2001:db8::1',
  '2002:7f00:1::',
  'localhost',
  '',
])('%s is not dialled unless it is named', (address) => {
  expect(guardAddresses([])(address)).toEqual(expect.any(String));
});

test('public addresses are dialled, and what the operator names', () => {
  const guard = guardAddresses(['10.0.0.0/8', '127.0.0.1', 'fd00::/8']);
  for (const address of [
    '93.184.216.34',
    '2606:4700::1111',
    '10.9.9.9',
    '127.0.0.1',
    '::ffff:10.0.0.1',
    'fd12::1',
  ]) {
    expect([address, guard(address)]).toEqual([address, null]);
  }
  for (const address of ['127.0.0.2', '192.168.0.1', '::1']) expect(guard(address)).not.toBe(null);
  expect(() => guardAddresses(['nowhere'])).toThrow('neither an address nor a range');
});

test('a name is looked at by what it resolves to', async () => {
  const resolve = (guard: ReturnType<typeof guardAddresses>) =>
    promisify(
      guardedLookup(guard) as (name: string, options: object, done: (error: Error | null) => void) => void,
    )('localhost', {});
  await expect(resolve(guardAddresses([]))).rejects.toThrow('loopback');
  await expect(resolve(guardAddresses(['127.0.0.0/8', '::1']))).resolves.toBeDefined();
});
