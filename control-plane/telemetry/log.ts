// The log of the control plane: JSON lines, in which no credential stands, whoever logs a request whole by mistake.
import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

/** Headers that let somebody in. */
const secretHeaders = ['authorization', 'cookie', '"set-cookie"', '"proxy-authorization"', 'dpop'];

const redacted = ['', 'req.', 'request.', 'res.', 'err.', 'raw.'].flatMap((where) =>
  secretHeaders.map((header) =>
    header.startsWith('"') ? `${where}headers[${header}]` : `${where}headers.${header}`,
  ),
);

/** `level` is one of pino's, or `silent`. */
export function openLog(level: string, destination: DestinationStream): Logger {
  return pino({ level, redact: { paths: redacted, censor: '[redacted]' } }, destination);
}
