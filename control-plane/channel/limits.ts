// The bounds of the agent listener: those of the protocol, where a test does not set narrower ones.
import {
  acceptQueueMax,
  acceptsPerSecondMax,
  frameBytesMax,
  handshakeMsMax,
  heartbeatMissesMax,
  heartbeatMs,
  helloMsMax,
  inboxFramesMax,
  pingsPerHeartbeatMax,
  sendBufferBytesMax,
  socketCloseMsMax,
} from '../../protocol/limits.ts';
import type { ChannelLimits } from './contract.ts';

export const defaultLimits: ChannelLimits = {
  acceptQueueMax,
  acceptsPerSecondMax,
  frameBytesMax,
  handshakeMsMax,
  heartbeatMissesMax,
  heartbeatMs,
  helloMsMax,
  inboxFramesMax,
  pingsPerHeartbeatMax,
  sendBufferBytesMax,
  socketCloseMsMax,
};
