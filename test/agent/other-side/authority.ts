// The certification authorities of a control plane that exists only in tests: root, intermediate, data plane, and the
// leaves under them, made with @peculiar/x509 as the published protocol describes them.
import 'reflect-metadata';
import { createHash, randomBytes, randomUUIDv7, X509Certificate } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import {
  calculateJwkThumbprint,
  CompactSign,
  exportJWK,
  exportPKCS8,
  generateKeyPair,
  importSPKI,
} from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { intentKeysType } from '../../../protocol/api/enrollment.ts';
import { canonicalJson } from '../../../protocol/json.ts';

const signing = { name: 'ECDSA', hash: 'SHA-256' } as const;
const dayMs = 86_400_000;

interface Pair {
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}
interface Node {
  readonly certificate: x509.X509Certificate;
  readonly pem: string;
  readonly keys: Pair;
}

export interface Authority {
  readonly trustDomain: string;
  readonly root: string;
  /** SHA-256 of the root, as a join token pins it. */
  readonly rootPin: string;
  /** Data plane and intermediate, PEM. */
  readonly chain: string;
  /** For 127.0.0.1 and localhost; its chain ends with the root, so that a token's pin can be checked. */
  issueServer(): Promise<{ readonly key: string; readonly cert: string }>;
  /** PEM chain of an agent's certificate for the key of a certificate request. */
  issueAgent(options: AgentLeaf): Promise<string>;
  readonly intentKey: { readonly kid: string; readonly privateKey: CryptoKey };
  signIntentKeys(): Promise<string>;
  /** A statement of the data plane about any keys. */
  signKeys(type: string, keys: readonly JWK[]): Promise<string>;
}

export interface AgentLeaf {
  readonly csr: string;
  readonly organization: string;
  readonly project: string;
  readonly agent: string;
  readonly generation: number;
  readonly notBefore?: number;
  readonly notAfter?: number;
}

function pemOf(certificate: x509.X509Certificate): string {
  // toString leaves the newline out, and two certificates would run into one another.
  return `${certificate.toString('pem')}\n`;
}

async function certify(options: {
  readonly subject: string;
  readonly issuer: Node | null;
  readonly keys: Pair;
  readonly extensions: x509.Extension[];
  readonly notBefore?: number;
  readonly notAfter?: number;
}): Promise<Node> {
  const { issuer, keys } = options;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: `4${randomBytes(15).toString('hex').slice(1)}`,
    subject: options.subject,
    issuer: issuer?.certificate.subject ?? options.subject,
    notBefore: new Date(options.notBefore ?? Date.now() - 60_000),
    notAfter: new Date(options.notAfter ?? Date.now() + dayMs),
    publicKey: keys.publicKey,
    signingKey: issuer?.keys.privateKey ?? keys.privateKey,
    signingAlgorithm: signing,
    extensions: options.extensions,
  });
  return { certificate, pem: pemOf(certificate), keys };
}

const ca = (length?: number): x509.Extension[] => [
  new x509.BasicConstraintsExtension(true, length, true),
  new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
];
const newPair = (): Promise<Pair> => generateKeyPair('ES256', { extractable: true });

export async function createAuthority(): Promise<Authority> {
  const trustDomain = 'test.internal';
  const root = await certify({ subject: 'CN=Root', issuer: null, keys: await newPair(), extensions: ca() });
  const intermediate = await certify({
    subject: 'CN=Intermediate',
    issuer: root,
    keys: await newPair(),
    extensions: ca(1),
  });
  const dataPlane = await certify({
    subject: 'CN=Data plane',
    issuer: intermediate,
    keys: await newPair(),
    extensions: ca(0),
  });
  const intentPair = await newPair();
  const intentJwk: JWK = await exportJWK(intentPair.publicKey);
  const kid = await calculateJwkThumbprint(intentJwk);
  const chain = dataPlane.pem + intermediate.pem;
  const signKeys: Authority['signKeys'] = (type, keys) => {
    return new CompactSign(new TextEncoder().encode(canonicalJson({ keys })))
      .setProtectedHeader({
        alg: 'ES256',
        typ: type,
        x5c: [dataPlane, intermediate].map(({ certificate }) =>
          Buffer.from(certificate.rawData).toString('base64'),
        ),
      })
      .sign(dataPlane.keys.privateKey);
  };
  return {
    trustDomain,
    root: root.pem,
    rootPin: createHash('sha256').update(new X509Certificate(root.pem).raw).digest('hex'),
    chain,
    intentKey: { kid, privateKey: intentPair.privateKey },
    async issueServer() {
      const keys = await newPair();
      const leaf = await certify({
        subject: 'CN=Server',
        issuer: dataPlane,
        keys,
        extensions: [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension([
            { type: 'dns', value: 'localhost' },
            { type: 'ip', value: '127.0.0.1' },
          ]),
        ],
      });
      return { key: await exportPKCS8(keys.privateKey), cert: leaf.pem + chain + root.pem };
    },
    async issueAgent({ csr, organization, project, agent, generation, notBefore, notAfter }) {
      const request = new x509.Pkcs10CertificateRequest(csr);
      if (!(await request.verify())) throw new Error('the request was not signed by its key');
      const publicKey = await importSPKI(request.publicKey.toString('pem'), 'ES256', { extractable: true });
      const uri = `spiffe://${trustDomain}/org/${organization}/project/${project}/agent/${agent}`;
      const leaf = await certify({
        subject: `CN=${agent}, 2.5.4.5=${generation}`,
        issuer: dataPlane,
        keys: { publicKey, privateKey: dataPlane.keys.privateKey },
        ...(notBefore === undefined ? {} : { notBefore }),
        ...(notAfter === undefined ? {} : { notAfter }),
        extensions: [
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
          new x509.SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
        ],
      });
      return leaf.pem + chain;
    },
    signIntentKeys() {
      return signKeys(intentKeysType, [{ ...intentJwk, kid }]);
    },
    signKeys,
  };
}

export function newId(): string {
  return randomUUIDv7();
}
