// All that the wire worker needs of Linux, put together.

import type { WireHost } from '../host.ts';
import { createBootClock } from './boot-clock.ts';
import { openWaker } from './event-waker.ts';
import { openLinkMonitor } from './link-monitor.ts';
import { openArpSocket } from './packet-socket.ts';
import { createPoller } from './poller.ts';

export function createWireHost(): WireHost {
  return {
    clock: createBootClock(),
    poller: createPoller(),
    openArpSocket,
    openLinkMonitor,
    openWaker,
  };
}
