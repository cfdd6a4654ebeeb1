// Arbitrary ARP packets of any operation.

import fc from 'fast-check';
import type { ArpPacket } from '../../src/protocol/arp/arp-packet.ts';
import { mac, uint32 } from './net.ts';
import { record } from './record.ts';

export const arpPacket = (): fc.Arbitrary<ArpPacket> =>
  record({
    destination: mac(),
    source: mac(),
    operation: fc.oneof(fc.constantFrom(1, 2), fc.integer({ min: 0, max: 0xffff })),
    senderHardware: mac(),
    senderProtocol: uint32(),
    targetHardware: mac(),
    targetProtocol: uint32(),
  });
