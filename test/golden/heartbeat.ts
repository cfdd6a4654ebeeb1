// Heartbeats made by Python 3.11 (struct, hmac, hashlib) from the table in heartbeat-frame.ts, under the keys of
// test/arbitrary/heartbeat.ts, in the cluster whose kube-system has the uid
// 6f0e2b1c-0000-0000-0000-000000000000, sent by "node1"; its peers are "node2" and "node3".

const bytesOf = (...lines: readonly string[]): Uint8Array =>
  Uint8Array.from(Buffer.from(lines.join(''), 'hex'));

export const CLUSTER_ID = 0xf1cf_e232_9002_f3bfn;
export const NODE_1 = 0xca12_f31b_8cbf_5f29n;
export const NODE_2 = 0x15b1_8a72_4325_7695n;
export const NODE_3 = 0x3b5b_b1c6_e7b7_6dabn;

/** Nothing but a sign of life, with key id 1. */
export const EMPTY: Uint8Array = bytesOf(
  '464c484201010000f1cfe2329002f3bfca12f31b8cbf5f2980000000000000010000000000000001000000000000000000640300',
  '000000000000000000000000000000000000000043a3e646495c1788be1315a47286c9c0',
);

/** Every flag and every TLV, with key id 2. */
export const FULL: Uint8Array = bytesOf(
  '464c48420102001ff1cfe2329002f3bfca12f31b8cbf5f29800000000000000100000001000000029f3c0a11d2e47b6000640300',
  '0012d687beb2df56cd8cee7d00b90000000000000100002c15b18a72432576959f3c0a11d2e47b60fffffffe00073b5bb1c6e7b7',
  '6dab000000000000000100000000ffff020000400001000311111111222222226b0e0e000000000401010000ffffffff00000001',
  '6b0e0e0100000005020200000000000000000003ffffffffffffffff030300000300000004000014111111112222222200000004',
  '15b18a7243257695040000140000000000000003ffffffff3b5bb1c6e7b76dab050000088000000000000000060000010726a881',
  'd174cec6f3c1fe08d061730d23',
);

/** SplitMix64's finalizer over the 64-bit FNV-1a of each of its three claims, by exclusive or; computed there too. */
export const FULL_DIGEST = 0xbeb2_df56_cd8c_ee7dn;
