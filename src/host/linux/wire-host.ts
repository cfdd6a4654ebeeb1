// All that the wire worker needs of Linux, put together.

import type { WireHost } from '../host.ts';
import { createBootClock } from './boot-clock.ts';
import { digests } from './digests.ts';
import { openWaker } from './event-waker.ts';
import { openLinkMonitor } from './link-monitor.ts';
import { openArpSocket, openHeartbeatSocket, openProbeSocket, openStrangersSocket } from './packet-socket.ts';
import { createPoller } from './poller.ts';
import { reservePort } from './port-reservation.ts';

export function createWireHost(): WireHost {
  return {
    clock: createBootClock(),
    poller: createPoller(),
    digests,
    openArpSocket,
    openProbeSocket,
    openHeartbeatSocket,
    openStrangersSocket,
    reservePort,
    openLinkMonitor,
    openWaker,
  };
}
