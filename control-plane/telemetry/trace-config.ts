// Whether and how traces are sent, by the variables that OpenTelemetry has for every program. Those about the exporter
// itself (headers, timeout, compression, certificates) are read by the exporter.
import { Failure } from '../../protocol/failures.ts';

export interface TraceConfig {
  readonly serviceName: string;
  readonly sampler: TraceSampler;
  /** How spans are gathered before they are sent. */
  readonly batch: {
    readonly delayMs: number;
    readonly queueMax: number;
    readonly batchMax: number;
    readonly exportMsMax: number;
  };
  /** As `OTEL_RESOURCE_ATTRIBUTES` has them. */
  readonly attributes: ReadonlyMap<string, string>;
}

export interface TraceSampler {
  readonly root: 'on' | 'off' | 'ratio';
  /** Whether the decision of whoever calls us holds. */
  readonly parentBased: boolean;
  /** Of `ratio`: 0 to 1. */
  readonly ratio: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Null where no endpoint is named, or tracing is off (`OTEL_SDK_DISABLED`, `OTEL_TRACES_EXPORTER=none`). Throws
 * `invalid_configuration` naming the variable.
 */
export function readTraceConfig(environment: Environment): TraceConfig | null {
  const value = (name: string): string | undefined => {
    const text = environment[name]?.trim();
    return text === '' ? undefined : text;
  };
  const endpoint = value('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') ?? value('OTEL_EXPORTER_OTLP_ENDPOINT');
  const exporter = value('OTEL_TRACES_EXPORTER') ?? 'otlp';
  if (endpoint === undefined || exporter === 'none' || value('OTEL_SDK_DISABLED') === 'true') return null;
  if (exporter !== 'otlp') throw wrong('OTEL_TRACES_EXPORTER', 'it is otlp or none');
  if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
    throw wrong('OTEL_EXPORTER_OTLP_ENDPOINT', 'it is a URL of a collector that takes OTLP over HTTP');
  }
  const count = (name: string, missing: number): number => readCount(name, value(name), missing);
  const attributes = readAttributes(value('OTEL_RESOURCE_ATTRIBUTES') ?? '');
  return {
    serviceName: value('OTEL_SERVICE_NAME') ?? attributes.get('service.name') ?? 'wayside',
    sampler: readSampler(value('OTEL_TRACES_SAMPLER'), value('OTEL_TRACES_SAMPLER_ARG')),
    batch: {
      delayMs: count('OTEL_BSP_SCHEDULE_DELAY', 5_000),
      queueMax: count('OTEL_BSP_MAX_QUEUE_SIZE', 2_048),
      batchMax: count('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512),
      exportMsMax: count('OTEL_BSP_EXPORT_TIMEOUT', 30_000),
    },
    attributes,
  };
}

function readSampler(name = 'parentbased_always_on', argument = '1'): TraceSampler {
  const [, parent, root] = /^(parentbased_)?(always_on|always_off|traceidratio)$/.exec(name) ?? [];
  if (root === undefined) {
    throw wrong(
      'OTEL_TRACES_SAMPLER',
      'it is always_on, always_off or traceidratio, or parentbased_ and one of these',
    );
  }
  const ratio = Number(argument);
  if (root === 'traceidratio' && !(ratio >= 0 && ratio <= 1)) {
    throw wrong('OTEL_TRACES_SAMPLER_ARG', 'it is a number from 0 to 1');
  }
  const kinds = { always_on: 'on', always_off: 'off', traceidratio: 'ratio' } as const;
  return { root: kinds[root as keyof typeof kinds], parentBased: parent !== undefined, ratio };
}

function readCount(name: string, text: string | undefined, missing: number): number {
  if (text === undefined) return missing;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw wrong(name, 'it is a whole number from 1');
  return Number(text);
}

/** `key=value,key=value`, values percent-encoded (OpenTelemetry, resource SDK). What is not of this form is left out. */
function readAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const pair of text.split(',')) {
    const [key = '', value] = pair.split('=', 2).map((part) => part.trim());
    if (key === '' || value === undefined) continue;
    try {
      attributes.set(key, decodeURIComponent(value));
    } catch {
      // One that cannot be decoded says nothing.
    }
  }
  return attributes;
}

function wrong(name: string, why: string): Failure {
  return new Failure('invalid_configuration', `${name} is not valid: ${why}.`);
}
