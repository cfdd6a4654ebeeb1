// The Internet checksum (RFC 1071): the ones' complement of the ones' complement sum of 16-bit words.

/**
 * Adds `bytes` to a sum that is not folded yet, as big-endian words; a last byte alone is the high one of its word
 * (RFC 1071 section 4.1). Parts of even length may be added one after the other. Exact for up to 2^37 bytes.
 */
export function addToSum(sum: number, bytes: Uint8Array): number {
  let total = sum;
  const { length } = bytes;
  for (let i = 0; i < length; i += 2) total += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  return total;
}

/** The checksum of what was summed, 0 .. 0xffff; 0 over bytes that hold their right checksum. */
export function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return 0xffff - folded;
}
