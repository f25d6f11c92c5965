/** One list of the tunnels of several network namespaces, each with the namespace whose packets carry it. */

import type { NetworkNamespace } from './index.ts';
import { basesById, type Lister, unlessGone } from './list-interfaces.ts';
import type { ListedTunnels, Tunnel } from './tunnels.ts';

/** What the kernel says of one namespace: indexes as they are there. */
interface Listed extends Omit<ListedTunnels, 'tunnels' | 'others'> {
  readonly tunnels: readonly (Omit<Tunnel, 'base'> & {
    /** Where packets carry it, by the id that the device's namespace has for that one; -1 for the same. */
    readonly linkNamespace: number;
  })[];
}

export interface TunnelLister extends Pick<Lister, 'namespaceIds'> {
  /** Addresses are listed where there are tunnels, or in any case. */
  listTunnels(withAddresses: boolean, namespace?: NetworkNamespace): Listed;
}

const nothing: Listed = { tunnels: [], addresses: [], unreadable: [] };

export function listAllTunnels(namespaces: readonly NetworkNamespace[], lister: TunnelLister): ListedTunnels {
  const several = namespaces.length > 0;
  const spaces = [undefined, ...namespaces].map((space) => {
    const listed = unlessGone(nothing, () => lister.listTunnels(several, space));
    const ids = several ? listed.tunnels.map(({ linkNamespace }) => linkNamespace) : [];
    return { ...listed, space, bases: basesById(ids, space, namespaces, lister) };
  });
  return {
    tunnels: spaces.flatMap(({ tunnels, space, bases }) =>
      tunnels.flatMap(({ linkNamespace, index, ...tunnel }): Tunnel[] => {
        const own = space?.base ?? 0;
        const base = linkNamespace === -1 ? own : bases.get(linkNamespace);
        // Of one that was moved here from a namespace that is not counted in, nothing is seen but what is inside.
        return base === undefined ? [] : [{ ...tunnel, base, index: index === 0 ? 0 : index + own }];
      }),
    ),
    addresses: spaces[0]!.addresses,
    others: spaces.flatMap(({ space, addresses }) => (space === undefined ? [] : [{ base: space.base, addresses }])),
    unreadable: spaces.flatMap(({ space, unreadable }) =>
      unreadable.map((name) => (space === undefined ? name : `${name}@${space.name}`)),
    ),
  };
}
