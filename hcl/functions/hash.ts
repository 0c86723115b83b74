// Digests of the UTF-8 bytes of a text, in lower-case hexadecimal digits. MD5 and SHA-1 are here because systems ask
// for them, not because they protect anything.
import { md5, sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { Value } from '../values.ts';
import { STRING, stringValue } from '../values.ts';
import { textAt } from './arguments.ts';
import type { HclFunction } from './function.ts';

function digest(
  name: string,
  { hash, example }: { hash: (bytes: Uint8Array) => Uint8Array; example: string },
): HclFunction {
  return {
    name,
    description: `The ${name.toUpperCase().replace('SHA', 'SHA-')} digest of the text, in hexadecimal digits`,
    parameters: [{ name: 'string', type: STRING, description: 'a text' }],
    returns: STRING,
    marks: 'all',
    examples: [{ call: `${name}("hello world")`, result: `"${example}"` }],
    call: (args): Value => stringValue(bytesToHex(hash(utf8ToBytes(textAt(args, 0))))),
  };
}

export const hashFunctions: readonly HclFunction[] = [
  digest('md5', { hash: md5, example: '5eb63bbbe01eeed093cb22bb8f5acdc3' }),
  digest('sha1', { hash: sha1, example: '2aae6c35c94fcfb415dbe95f408b9ce91ee846ed' }),
  digest('sha256', {
    hash: sha256,
    example: 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9',
  }),
  digest('sha512', {
    hash: sha512,
    example:
      '309ecc489c12d6eb4cc40f50c902f2b4d0ed77ee511a7c7a9bcd3ca86d4cd86f' +
      '989dd35bc5ff499670da34255b45b0cfd830e81f605dcf7dc5542e93ae9cd76f',
  }),
];
