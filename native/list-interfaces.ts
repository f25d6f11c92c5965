/**
 * One list of the interfaces of several network namespaces, in which an index is one interface and `lower` names an
 * interface wherever it is.
 */

import { statSync } from 'node:fs';
import { constants } from 'node:os';
import type { NetworkInterface, NetworkNamespace } from './index.ts';

/** What the kernel says of one interface: indexes as they are in its namespace. */
type Listed = NetworkInterface & {
  /** Which namespace `lower` is in, by the id that the interface's has for it; -1 for the same. */
  readonly lowerNamespace: number;
};

export interface Lister {
  listInterfaces(namespace?: NetworkNamespace): readonly Listed[];
  /** Which ids a namespace has for these others; -1 for none. */
  namespaceIds(others: readonly NetworkNamespace[], namespace?: NetworkNamespace): readonly number[];
}

/**
 * An interface of a named namespace with a higher index is left out. With the lowest 16 bits, in which a base tells
 * interfaces apart, it would reach into the next namespace's indexes.
 */
export const MAX_NAMED_INDEX = (1 << 20) - (1 << 16) - 1;

/** This process's own, for the others to find it by. */
const OWN_PATH = '/proc/self/ns/net';

export function listAll(namespaces: readonly NetworkNamespace[], lister: Lister): NetworkInterface[] {
  const own = lister.listInterfaces();
  if (namespaces.length === 0) return own.map((iface) => inNamespace(iface, undefined, new Map()));
  const spaces = [undefined, ...namespaces];
  return spaces.flatMap((space) => {
    const listed = space === undefined ? own : unlessGone([], () => lister.listInterfaces(space));
    const ids = listed.map(({ lowerNamespace }) => lowerNamespace);
    const bases = basesById(ids, space, namespaces, lister);
    const within = listed.filter(({ index }) => space === undefined || index <= MAX_NAMED_INDEX);
    return within.map((iface) => inNamespace(iface, space, bases));
  });
}

/** What is added to indexes of the namespaces that this one has these ids for; negative ones are none. */
export function basesById(
  ids: readonly number[],
  space: NetworkNamespace | undefined,
  namespaces: readonly NetworkNamespace[],
  lister: Pick<Lister, 'namespaceIds'>,
): ReadonlyMap<number, number> {
  const bases = new Map<number, number>();
  const wanted = new Set(ids.filter((id) => id >= 0));
  if (wanted.size === 0) return bases;
  const note = (others: readonly NetworkNamespace[]) => {
    for (const [at, id] of unlessGone([], () => lister.namespaceIds(others, space)).entries()) {
      if (id >= 0) bases.set(id, others[at]!.base);
    }
  };
  // Nearly always into the process's own, which is asked for alone; the others are many.
  if (space !== undefined) note([ownNamespace()]);
  if (![...wanted].every((id) => bases.has(id))) note(namespaces.filter((other) => other !== space));
  return bases;
}

function inNamespace(
  { lowerNamespace, ...iface }: Listed,
  space: NetworkNamespace | undefined,
  bases: ReadonlyMap<number, number>,
): NetworkInterface {
  const base = space?.base ?? 0;
  const lowerBase = lowerNamespace < 0 ? base : bases.get(lowerNamespace);
  const lower = iface.lower === 0 || lowerBase === undefined ? 0 : iface.lower + lowerBase;
  if (space === undefined) return { ...iface, lower };
  return {
    ...iface,
    index: iface.index + base,
    name: `${iface.name}@${space.name}`,
    inNamespace: space,
    master: iface.master === 0 ? 0 : iface.master + base,
    lower,
  };
}

let own: NetworkNamespace | undefined;

function ownNamespace(): NetworkNamespace {
  own ??= { name: '', path: OWN_PATH, inode: statSync(OWN_PATH).ino, base: 0 };
  return own;
}

/** The result, or this in its place when the namespace went away. */
export function unlessGone<Result>(otherwise: Result, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && 'errno' in error && error.errno === constants.errno.ESTALE) return otherwise;
    throw error;
  }
}
