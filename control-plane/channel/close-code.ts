// Which close code of the protocol a failure ends a connection with (RFC 6455, section 7.4.2).
import type { FailureCode } from '../../protocol/failures.ts';
import { closeCodes } from '../../protocol/frames.ts';
import type { CloseCode } from './contract.ts';

export function closeCodeOf(code: FailureCode): CloseCode {
  switch (code) {
    case 'protocol_error':
    case 'unknown_frame':
    case 'invalid_json':
    case 'invalid_request':
      return closeCodes.protocol_error;
    case 'frame_too_large':
      return closeCodes.frame_too_large;
    case 'certificate_rejected':
      return closeCodes.certificate_rejected;
    case 'session_replaced':
      return closeCodes.session_replaced;
    case 'agent_revoked':
      return closeCodes.agent_revoked;
    case 'not_your_run':
      return closeCodes.not_your_run;
    case 'quarantined':
      return closeCodes.quarantined;
    default:
      return closeCodes.unavailable;
  }
}
