// ARP over Ethernet (RFC 826, RFC 5227) as the lab itself reads and writes it: not the product's codec, so that a fault
// in that one can not hide in what judges it.

export interface ArpFrame {
  readonly operation: 'request' | 'reply';
  /** Of the Ethernet header. */
  readonly destination: string;
  readonly senderMac: string;
  readonly sender: string;
  readonly target: string;
}

const LENGTH = 42;
const ETHERTYPE_ARP = 0x0806;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** Reads a frame; undefined for anything but ARP requests and replies for IPv4. */
export function decodeArp(bytes: Buffer): ArpFrame | undefined {
  if (bytes.length < LENGTH || bytes.readUInt16BE(12) !== ETHERTYPE_ARP) return undefined;
  const operation = bytes.readUInt16BE(20);
  if (operation !== 1 && operation !== 2) return undefined;
  return {
    operation: operation === 1 ? 'request' : 'reply',
    destination: macAt(bytes, 0),
    senderMac: macAt(bytes, 22),
    sender: Array.from(bytes.subarray(28, 32)).join('.'),
    target: Array.from(bytes.subarray(38, 42)).join('.'),
  };
}

/** An announcement or an answer to all (RFC 5227 section 3): not what one host asked for. */
export const isAnnouncement = ({ operation, sender, target, destination }: ArpFrame): boolean =>
  sender === target || (operation === 'reply' && destination === BROADCAST);

/** A request to all for `target`. */
export function encodeArpRequest(
  from: { readonly mac: string; readonly sender: string },
  target: string,
): Uint8Array {
  const bytes = Buffer.alloc(LENGTH);
  bytes.fill(0xff, 0, 6);
  bytes.set(macBytes(from.mac), 6);
  bytes.writeUInt16BE(ETHERTYPE_ARP, 12);
  // Ethernet, IPv4, lengths 6 and 4, request.
  bytes.set([0, 1, 8, 0, 6, 4, 0, 1], 14);
  bytes.set(macBytes(from.mac), 22);
  bytes.set(addressBytes(from.sender), 28);
  bytes.set(addressBytes(target), 38);
  return bytes;
}

const macAt = (bytes: Buffer, offset: number): string =>
  Array.from(bytes.subarray(offset, offset + 6), (byte) => byte.toString(16).padStart(2, '0')).join(':');

const macBytes = (mac: string): readonly number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));

const addressBytes = (address: string): readonly number[] => address.split('.').map(Number);
