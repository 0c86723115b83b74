// The openssl command line as a second opinion on what we issue, and as the maker of certificates that we must
// refuse: nothing of ours takes part in them.
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface OpensslResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs openssl in a folder; never throws for its exit code. */
export function openssl(
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<OpensslResult> {
  return new Promise((resolve) => {
    execFile('openssl', [...args], { cwd: options.cwd }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ code, stdout, stderr });
    });
  });
}

async function opensslOrThrow(args: readonly string[], cwd: string): Promise<string> {
  const result = await openssl(args, { cwd });
  if (result.code !== 0) throw new Error(`openssl ${args.join(' ')}: ${result.stderr}`);
  return result.stdout;
}

/** A key and its certificate, PEM. */
export interface Issued {
  readonly key: string;
  readonly cert: string;
}

export interface LeafOptions {
  /** Extension lines of openssl's configuration, for instance `extendedKeyUsage=clientAuth`. */
  readonly extensions: readonly string[];
  readonly subject?: string;
  /** Days of validity; negative ones are a certificate that has expired. */
  readonly days?: number;
  /** The exact end instead of days. */
  readonly notAfter?: Date;
  readonly serial?: string;
}

/** An authority made by the command line, with a root and what is below it. Dispose of it after use. */
export interface OpensslAuthority extends AsyncDisposable {
  readonly root: string;
  /** What a leaf is followed by. */
  readonly chain: string;
  issue(leaf: LeafOptions): Promise<Issued>;
}

/**
 * Root and one CA below it. With `signer` the CA below is that one instead (PEM of key and certificate): how a test
 * issues what our own data-plane CA never would.
 */
export async function openAuthority(
  options: {
    readonly commonName?: string;
    readonly signer?: Issued & { readonly root: string; readonly chain: string };
  } = {},
): Promise<OpensslAuthority> {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-openssl-'));
  const name = options.commonName ?? 'Test Root';
  const write = (file: string, text: string) => writeFile(join(folder, file), text, { mode: 0o600 });
  const read = (file: string) => readFile(join(folder, file), 'utf8');
  if (options.signer === undefined) {
    await write('ca.cnf', configuration(['basicConstraints=critical,CA:true', ...authorityLines]));
    await newKey(folder, 'root');
    await selfSign(folder, name);
    await newKey(folder, 'ca');
    await request(folder, 'ca', `/CN=${name} below`);
    await sign(folder, { subject: 'ca', by: 'root', config: 'ca.cnf', days: 30 });
  } else {
    await write('ca.key', options.signer.key);
    await write('ca.pem', options.signer.cert);
  }
  let count = 0;
  return {
    root: options.signer?.root ?? (await read('root.pem')),
    chain: options.signer?.chain ?? (await read('ca.pem')),
    async issue(leaf) {
      const file = `leaf${(count += 1)}`;
      await newKey(folder, file);
      await request(folder, file, leaf.subject ?? '/CN=leaf');
      await write(`${file}.cnf`, configuration(leaf.extensions));
      await sign(folder, { ...leaf, subject: file, by: 'ca', config: `${file}.cnf` });
      return { key: await read(`${file}.key`), cert: await read(`${file}.pem`) };
    },
    async [Symbol.asyncDispose]() {
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const authorityLines = ['keyUsage=critical,keyCertSign,cRLSign', 'subjectKeyIdentifier=hash'];

function configuration(extensions: readonly string[]): string {
  return ['[ext]', ...extensions, ''].join('\n');
}

async function newKey(folder: string, name: string): Promise<void> {
  const curve = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  await opensslOrThrow(['genpkey', ...curve, '-out', `${name}.key`], folder);
}

async function selfSign(folder: string, commonName: string): Promise<void> {
  await request(folder, 'root', `/CN=${commonName}`);
  const args = ['x509', '-req', '-in', 'root.csr', '-signkey', 'root.key', '-days', '30'];
  await opensslOrThrow([...args, '-extfile', 'ca.cnf', '-extensions', 'ext', '-out', 'root.pem'], folder);
}

async function request(folder: string, name: string, subject: string): Promise<void> {
  await opensslOrThrow(
    ['req', '-new', '-key', `${name}.key`, '-subj', subject, '-out', `${name}.csr`],
    folder,
  );
}

/** `openssl ca` takes exact dates, which `openssl x509` of this version does not. */
async function sign(
  folder: string,
  options: {
    readonly subject: string;
    readonly by: string;
    readonly config: string;
    readonly days?: number;
    readonly notAfter?: Date;
    readonly serial?: string;
  },
): Promise<void> {
  const end = options.notAfter ?? new Date(Date.now() + (options.days ?? 1) * 86_400_000);
  const start = new Date(Math.min(Date.now(), end.getTime()) - 2 * 86_400_000);
  const serial = options.serial ?? Array.from({ length: 15 }, () => randomHexByte()).join('');
  await writeFile(join(folder, 'database'), '');
  await writeFile(join(folder, 'serial'), `41${serial}\n`);
  await writeFile(join(folder, 'sign.cnf'), signingConfiguration);
  await opensslOrThrow(
    [
      ...['ca', '-batch', '-notext', '-config', 'sign.cnf', '-md', 'sha256', '-preserveDN'],
      ...['-keyfile', `${options.by}.key`, '-cert', `${options.by}.pem`],
      ...['-startdate', generalizedTime(start), '-enddate', generalizedTime(end)],
      ...['-extfile', options.config, '-extensions', 'ext'],
      ...['-in', `${options.subject}.csr`, '-out', `${options.subject}.pem`],
    ],
    folder,
  );
}

const signingConfiguration = `[ca]
default_ca=test
[test]
database=database
serial=serial
new_certs_dir=.
policy=any
unique_subject=no
[any]
commonName=optional
serialNumber=optional
organizationName=optional
`;

function generalizedTime(date: Date): string {
  return `${date.toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`;
}

function randomHexByte(): string {
  return Math.floor(Math.random() * 256)
    .toString(16)
    .padStart(2, '0');
}

/** A certificate request by openssl for a fresh key, with whatever names it likes to ask for. */
export async function opensslRequest(
  options: {
    readonly extensions?: readonly string[];
    readonly subject?: string;
    readonly curve?: string;
  } = {},
): Promise<{ readonly key: string; readonly csr: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-openssl-'));
  try {
    const curve = `ec_paramgen_curve:${options.curve ?? 'P-256'}`;
    await opensslOrThrow(['genpkey', '-algorithm', 'EC', '-pkeyopt', curve, '-out', 'k.key'], folder);
    const asks = (options.extensions ?? []).flatMap((extension) => ['-addext', extension]);
    const subject = options.subject ?? '/CN=agent';
    await opensslOrThrow(
      ['req', '-new', '-key', 'k.key', '-subj', subject, ...asks, '-out', 'k.csr'],
      folder,
    );
    const [key, csr] = await Promise.all([
      readFile(join(folder, 'k.key'), 'utf8'),
      readFile(join(folder, 'k.csr'), 'utf8'),
    ]);
    return { key, csr };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What `openssl verify -x509_strict` says of a leaf under a root; exit code 0 and `OK` for a good one. */
export async function opensslVerify(options: {
  readonly root: string;
  readonly chain: string;
  readonly leaf: string;
  readonly purpose: 'sslclient' | 'sslserver';
  readonly crl?: string;
}): Promise<OpensslResult> {
  const folder = await mkdtemp(join(tmpdir(), 'wayside-openssl-'));
  try {
    await Promise.all([
      writeFile(join(folder, 'root.pem'), options.root),
      writeFile(join(folder, 'chain.pem'), options.chain),
      writeFile(join(folder, 'leaf.pem'), options.leaf),
      writeFile(join(folder, 'crl.pem'), options.crl ?? ''),
    ]);
    const lists = options.crl === undefined ? [] : ['-crl_check_all', '-CRLfile', 'crl.pem'];
    const args = ['verify', '-x509_strict', '-purpose', options.purpose, ...lists];
    return await openssl([...args, '-CAfile', 'root.pem', '-untrusted', 'chain.pem', 'leaf.pem'], {
      cwd: folder,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The certificates of a PEM text, one by one. */
export function splitPem(pem: string): string[] {
  return pem.match(/-----BEGIN [A-Z0-9 ]+-----[^-]+-----END [A-Z0-9 ]+-----\n?/g) ?? [];
}
