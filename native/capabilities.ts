/** Which of the capabilities that the kernel asks for are missing in this process. */

import { readFileSync } from 'node:fs';

/** Bits of `CapEff` in /proc/self/status: include/uapi/linux/capability.h. */
const capabilityBits = { CAP_BPF: 39, CAP_NET_ADMIN: 12, CAP_PERFMON: 38 } as const;
/** Stands for each of them, as before Linux 5.8 when two of them did not exist. */
const SYS_ADMIN_BIT = 21;

export type Capability = keyof typeof capabilityBits;

/** All that loading and attaching the programs needs. */
export const neededCapabilities = Object.keys(capabilityBits) as readonly Capability[];

/** Needed and not effective. In a user namespace a capability may be effective there and still not do. */
export function missingCapabilities(status = readFileSync('/proc/self/status', 'utf8')): readonly Capability[] {
  const [, mask = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const has = (bit: number) => ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 1n;
  return has(SYS_ADMIN_BIT) ? [] : neededCapabilities.filter((name) => !has(capabilityBits[name]));
}
