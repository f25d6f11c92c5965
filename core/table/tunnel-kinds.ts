/** The kinds of tunnels as the kernel names their devices: values of the attribute `tunnel`, by code. */

import { type Dictionary, listDictionary } from './dictionary.ts';

/** A row's code is the position in this list, and 0 where its packets carry no tunnel. */
export const tunnelKinds = [
  '',
  'vxlan',
  'geneve',
  'bareudp',
  'gre',
  'gretap',
  'erspan',
  'ip6gre',
  'ip6gretap',
  'ip6erspan',
  'ipip',
  'sit',
  'ip6tnl',
  'wireguard',
  'fou',
  'gue',
] as const;

export type TunnelKind = Exclude<(typeof tunnelKinds)[number], ''>;

export const tunnelKindNames: Dictionary = listDictionary(tunnelKinds.map((kind) => (kind === '' ? undefined : kind)));
