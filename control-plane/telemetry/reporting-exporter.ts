// Says in the log that traces could not be sent, once a minute at the most. Nobody waits for that, and nothing else
// comes of it: spans that find no room are dropped.
import type { SpanExporter } from '@opentelemetry/sdk-trace';

const reportMsMin = 60_000;
/** `ExportResultCode.FAILED` of OpenTelemetry. */
const failed = 1;

export function reportingExporter(
  exporter: SpanExporter,
  { now, report }: { readonly now: () => number; readonly report: (message: string) => void },
): SpanExporter {
  let reportedAt = -Infinity;
  const tell = (why: string): void => {
    if (now() - reportedAt < reportMsMin) return;
    reportedAt = now();
    report(`Traces could not be sent, and are lost: ${why}.`);
  };
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        if (result.code === failed) tell(result.error?.message ?? 'the collector did not take them');
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
