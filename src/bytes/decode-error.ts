// The one error of all decoders. Inside a decoder it is thrown, so that every read can be trusted; at the decoder's
// boundary `decoding` turns it into a returned value, so that a caller can not forget it.

/**
 * `truncated`: the bytes end too early. `bad-length`: a length field contradicts the bytes around it.
 * `bad-value`: a field has a value that the format does not allow. `wrong-type`: well-formed, but not what this decoder reads.
 */
export type DecodeReason = 'truncated' | 'bad-length' | 'bad-value' | 'wrong-type';

export class DecodeError extends Error {
  readonly reason: DecodeReason;
  /** Where in the decoded bytes, counted from their start. */
  readonly offset: number;

  constructor(reason: DecodeReason, offset: number, detail: string) {
    super(`${detail} at offset ${offset}: ${reason}`);
    this.name = 'DecodeError';
    this.reason = reason;
    this.offset = offset;
  }
}

/** Runs a decoder: its value, or the DecodeError that it threw. Any other exception is a bug of ours and passes through. */
export function decoding<T>(decode: () => T): T | DecodeError {
  try {
    return decode();
  } catch (error) {
    if (error instanceof DecodeError) return error;
    throw error;
  }
}
