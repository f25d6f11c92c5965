/** Which of the capabilities that the kernel asks for are missing in this process. */

import { readFileSync } from 'node:fs';

/** Where packets are seen: programs at each interface, or at one packet socket. */
export type PacketSource = 'tc' | 'socket_filter';

/** Bits of `CapEff` in /proc/self/status: include/uapi/linux/capability.h. */
const capabilityBits = { CAP_BPF: 39, CAP_NET_ADMIN: 12, CAP_NET_RAW: 13, CAP_PERFMON: 38, CAP_SYS_ADMIN: 21 } as const;
/** CAP_SYS_ADMIN stands for these, as before Linux 5.8 when two of them did not exist. */
const stoodFor: readonly Capability[] = ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'];

export type Capability = keyof typeof capabilityBits;

/** All that loading and attaching the programs of a source needs. */
export const neededCapabilities: Readonly<Record<PacketSource, readonly Capability[]>> = {
  tc: ['CAP_BPF', 'CAP_NET_ADMIN', 'CAP_PERFMON'],
  socket_filter: ['CAP_BPF', 'CAP_NET_RAW'],
};

/** What an option needs beside that; who asks for it without is told so. */
export const neededByOption = {
  'netns: all': ['CAP_SYS_ADMIN'],
  'nat: conntrack': ['CAP_NET_ADMIN'],
} as const satisfies Readonly<Record<string, readonly Capability[]>>;

/** Needed and not effective. In a user namespace a capability may be effective there and still not do. */
export function missingCapabilities(
  needed: readonly Capability[],
  status = readFileSync('/proc/self/status', 'utf8'),
): readonly Capability[] {
  const [, mask = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  const has = (bit: number) => ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 1n;
  const standsFor = (name: Capability) => stoodFor.includes(name) && has(capabilityBits.CAP_SYS_ADMIN);
  return needed.filter((name) => !has(capabilityBits[name]) && !standsFor(name));
}
