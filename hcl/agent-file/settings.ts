// Makes the agent's own settings out of the `agent` block, with every default.
import type { DecodedBlock, Reader } from '../schema.ts';
import { listed } from '../schema.ts';
import type { AgentSettings, ApiAddress, RunLimits, SecretSource, VaultLogin } from './definition.ts';
import type { agentSchema, limitsSchema, secretsSchema } from './file-schema.ts';
import { concurrencyRunsDefault, shutdownGraceMsDefault } from './limits.ts';

type DecodedAgent = DecodedBlock<typeof agentSchema>;
type DecodedSecrets = DecodedBlock<typeof secretsSchema>;

/** The settings; without an `agent` block all of them are the defaults. */
export function buildSettings(decoded: DecodedAgent | undefined, reader: Reader): AgentSettings {
  const values: Partial<DecodedAgent['values']> = decoded?.values ?? {};
  const network: Partial<DecodedAgent['blocks']['network'][number]['values']> =
    decoded?.blocks.network[0]?.values ?? {};
  return {
    concurrency: values.concurrency ?? concurrencyRunsDefault,
    stateDir: values.state_dir ?? null,
    shutdownGraceMs: values.shutdown_grace ?? shutdownGraceMsDefault,
    compatibility: values.compatibility === 'hcp',
    envInherit: values.env_inherit ?? [],
    envAllow: values.env_allow ?? [],
    filesAllow: values.files_allow ?? [],
    runAs: values.run_as ?? null,
    limits: buildLimits(decoded?.blocks.limits[0]),
    network: { allow: network.allow ?? null, proxy: network.proxy ?? null, caFile: network.ca_file ?? null },
    api: buildApi(decoded),
    secrets: (decoded?.blocks.secrets ?? []).flatMap((each) => buildSecrets(each, reader) ?? []),
  };
}

function buildApi(decoded: DecodedAgent | undefined): ApiAddress | null {
  const { url, ca_file: caFile = null } = decoded?.blocks.api[0]?.values ?? {};
  return url === undefined ? null : { url: url.replace(/\/$/, ''), caFile };
}

export function buildLimits(decoded: DecodedBlock<typeof limitsSchema> | undefined): RunLimits {
  const values: Partial<DecodedBlock<typeof limitsSchema>['values']> = decoded?.values ?? {};
  return {
    ...(values.max_per_hour === undefined ? {} : { maxPerHour: values.max_per_hour }),
    ...(values.min_interval === undefined ? {} : { minIntervalMs: values.min_interval }),
    ...(values.quiet_hours === undefined ? {} : { quietHours: values.quiet_hours }),
    ...(values.max_parallel === undefined ? {} : { maxParallel: values.max_parallel }),
  };
}

const attributesOf: Readonly<Record<string, readonly string[]>> = {
  file: ['dir'],
  env: ['allow'],
  vault: [
    ...['address', 'mount', 'namespace', 'ca_file', 'auth_mount', 'token_file'],
    ...['role_id', 'secret_id_file', 'cert_file', 'key_file'],
  ],
};

/** One source; null after a report. */
function buildSecrets(decoded: DecodedSecrets, { report }: Reader): SecretSource | null {
  const kind = decoded.labels[0]?.value ?? '';
  const possible = attributesOf[kind] ?? [];
  for (const node of Object.values(decoded.nodes)) {
    if (node === undefined || possible.includes(node.name)) continue;
    const detail = `A \`${kind}\` source has ${listed(possible)}.`;
    report(node.nameSpan, {
      summary: `Unknown attribute \`${node.name}\``,
      detail,
      code: 'unknown_attribute',
    });
  }
  const need = (name: string): null => {
    const detail = `A \`${kind}\` source needs ${name}.`;
    report(decoded.block.header, { summary: 'Missing attribute', detail, code: 'missing_attribute' });
    return null;
  };
  const { dir, allow, address, mount, namespace, ca_file: caFile } = decoded.values;
  switch (kind) {
    case 'file':
      return dir === undefined ? need('`dir`') : { kind, dir };
    case 'env':
      return allow === undefined ? need('`allow`') : { kind, allow };
    case 'vault': {
      const login = loginOf(decoded.values);
      if (address === undefined) return need('`address`');
      if (login === null) {
        return need(
          'one login: `token_file`, or `role_id` and `secret_id_file`, or `cert_file` and `key_file`',
        );
      }
      const common = { mount: mount ?? 'secret', namespace: namespace ?? null, caFile: caFile ?? null };
      return { kind, address, ...common, login };
    }
    default:
      return null;
  }
}

/** Without any of their attributes the token comes from the environment; null unless they are those of one login. */
function loginOf(values: DecodedSecrets['values']): VaultLogin | null {
  const { token_file: tokenFile, role_id: roleId, secret_id_file: secretIdFile } = values;
  const { cert_file: certFile, key_file: keyFile, auth_mount: mount } = values;
  const given = [tokenFile, roleId, secretIdFile, certFile, keyFile].filter(
    (each) => each !== undefined,
  ).length;
  if (given === 0) return { method: 'token', tokenFile: null };
  if (given === 1 && tokenFile !== undefined) return { method: 'token', tokenFile };
  if (given === 2 && roleId !== undefined && secretIdFile !== undefined) {
    return { method: 'approle', roleId, secretIdFile, mount: mount ?? 'approle' };
  }
  if (given === 2 && certFile !== undefined && keyFile !== undefined) {
    return { method: 'cert', certFile, keyFile, mount: mount ?? 'cert' };
  }
  return null;
}
