/** Addresses that collide under the hash of the programs (`flow_ends_hash` in bpf/flow.h), which anybody can read. */

/** What the first half of an address is multiplied by. */
const MULTIPLIER = 0xd6e8feb86659fd93n;
const PREFIX = new Uint8Array([0x20, 0x01, 0x0d, 0xb8]);

/** 16 bytes, another for each number below 2^24: the second half cancels what the first one adds to the hash. */
export function chosenSource(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(PREFIX);
  const view = new DataView(bytes.buffer);
  view.setUint32(4, number);
  view.setBigUint64(8, BigInt.asUintN(64, view.getBigUint64(0, true) * MULTIPLIER), true);
  return bytes;
}

/** As many that nobody chose. */
export function anySource(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(PREFIX);
  new DataView(bytes.buffer).setUint32(12, number);
  return bytes;
}
