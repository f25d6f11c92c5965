/**
 * Pairs of devices that join two network namespaces in both of which is counted. A packet crosses both ends, and must
 * count at one.
 */

import type { NetworkInterface } from '../../native/index.ts';

/** Devices that come in pairs: what leaves by one end comes in by the other. */
const wireKinds = new Set(['veth', 'netkit']);

/** As in its own namespace. */
export const plainName = ({ name, inNamespace }: NetworkInterface) =>
  inNamespace === undefined ? name : name.slice(0, -`@${inNamespace.name}`.length);

/** Pairs with an end in two network namespaces of the list. */
export interface Wires {
  /** The end that is counted on stands for both, by the index of the other end. */
  readonly nearOf: ReadonlyMap<number, NetworkInterface>;
  /** The other way round. */
  readonly farOf: ReadonlyMap<number, NetworkInterface>;
}

/**
 * A packet crosses both ends of a pair, so one end counts: that in the agent's own namespace, where it is then known
 * whether what is forwarded has come in through a device that counts; else that in the namespace with the lower base.
 */
export function wiresAcross(all: readonly NetworkInterface[], everyInterface: boolean): Wires {
  const nearOf = new Map<number, NetworkInterface>();
  const farOf = new Map<number, NetworkInterface>();
  if (everyInterface) return { nearOf, farOf };
  const baseOf = ({ inNamespace }: NetworkInterface) => inNamespace?.base ?? 0;
  const byIndex = new Map(all.map((iface) => [iface.index, iface]));
  for (const far of all) {
    const near = wireKinds.has(far.kind) ? byIndex.get(far.lower) : undefined;
    if (near === undefined || baseOf(near) >= baseOf(far)) continue;
    nearOf.set(far.index, near);
    farOf.set(near.index, far);
  }
  return { nearOf, farOf };
}
