// The certificates of a request, read when it is made, so that renewed files are used at once.
import { readFile } from 'node:fs/promises';
import { getCACertificates } from 'node:tls';
import type { TlsDefinition } from '../../../hcl/agent-file/definition.ts';
import { Failure } from '../../../protocol/failures.ts';

export interface TlsMaterial {
  /** Absent: the authorities of the system. */
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly serverName: string | null;
}

/**
 * The operation's own authorities alone, else the agent's besides those of the system. Throws `tls_failed` for a file
 * that cannot be read.
 */
export async function readTls(
  definition: TlsDefinition | null,
  agentCaFile: string | null,
): Promise<TlsMaterial> {
  const ca = await readAuthorities(definition?.caFile ?? null, agentCaFile);
  const certFile = definition?.certFile ?? null;
  const keyFile = definition?.keyFile ?? null;
  return {
    ...(ca === null ? {} : { ca }),
    ...(certFile === null ? {} : { cert: await read(certFile) }),
    ...(keyFile === null ? {} : { key: await read(keyFile) }),
    minVersion: definition?.minVersion ?? 'TLSv1.2',
    serverName: definition?.serverName ?? null,
  };
}

/** Another origin is not shown the certificate that was meant for the first, nor asked for its name. */
export function withoutIdentity({ cert: _cert, key: _key, ...rest }: TlsMaterial): TlsMaterial {
  return { ...rest, serverName: null };
}

async function readAuthorities(own: string | null, agents: string | null): Promise<string[] | null> {
  if (own !== null) return [await read(own)];
  return agents === null ? null : [...getCACertificates('default'), await read(agents)];
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new Failure(
      'tls_failed',
      `${path} cannot be read (${code ?? 'error'}): check that it exists and who may read it.`,
      {
        cause,
      },
    );
  }
}
