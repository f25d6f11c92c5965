/** Which of the capabilities that the kernel asks for are missing in this process. */

import { readFileSync } from 'node:fs';

/** Where packets are seen: programs at each interface, or at one packet socket. */
export type PacketSource = 'tc' | 'socket_filter';

/** Bits of `CapEff` in /proc/self/status: include/uapi/linux/capability.h. */
const capabilityBits = { CAP_BPF: 39, CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_PERFMON: 38 } as const;
/** Stands for each of them but CAP_NET_RAW, as before Linux 5.8 when two of them did not exist. */
const SYS_ADMIN_BIT = 21;

export type Capability = keyof typeof capabilityBits;

/** All that loading and attaching the programs of a source needs. */
export const neededCapabilities: Readonly<Record<PacketSource, readonly Capability[]>> = {
  tc: ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'],
  socket_filter: ['CAP_BPF', 'CAP_NET_RAW'],
};

/** Needed and not effective. In a user namespace a capability may be effective there and still not do. */
export function missingCapabilities(
  source: PacketSource,
  status = readFileSync('/proc/self/status', 'utf8'),
): readonly Capability[] {
  const stoodFor = (name: Capability) => name !== 'CAP_NET_RAW' && hasBit(SYS_ADMIN_BIT, status);
  return neededCapabilities[source].filter((name) => !hasCapability(name, status) && !stoodFor(name));
}

export function hasCapability(name: Capability, status = readFileSync('/proc/self/status', 'utf8')): boolean {
  return hasBit(capabilityBits[name], status);
}

function hasBit(bit: number, status: string): boolean {
  const [, mask = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  return ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 1n;
}
