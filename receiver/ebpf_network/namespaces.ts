/**
 * The network namespaces that have a name: which there are, where the indexes of their interfaces begin, and what changes
 * in them. They are told by the inode of their file, since a name may pass to another one. Nothing of them is held but
 * the socket of their watch, and that only as long as the name is there: else it would keep them from going.
 */

import { type FSWatcher, readdirSync, statSync, watch } from 'node:fs';
import { dirname, join } from 'node:path';
import { WeirError } from '../../core/errors.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import {
  type InterfaceWatch,
  MAX_NAMED_INDEX,
  type NetworkInterface,
  type NetworkNamespace,
} from '../../native/index.ts';

/** What the flow key holds of an index. */
const KEYS = 1 << 16;
/** Bases are multiples of this and less than KEYS more, above half of what an index can be: the host's never get there. */
export const BASE_STEP = MAX_NAMED_INDEX + 1 + KEYS;
const FIRST_NUMBER = 1 << 10;
/** Namespaces at a time. */
export const MAX_NAMESPACES = 1 << 10;
/** Room for interfaces that come later. */
const KEYS_APART = 32;

/** A name is there before the namespace is: how long, and how often, that is looked at again. */
const RETRY_MS = 20;
const RETRIES = 50;

export interface Namespaces {
  /** Those that are there now. */
  current(): readonly NetworkNamespace[];
  close(): void;
}

export interface NamespacesOptions {
  /** Where the names are. */
  readonly folder: string;
  readonly logger: Logger;
  readonly listInterfaces: (namespaces?: readonly NetworkNamespace[]) => readonly NetworkInterface[];
  readonly watchInterfaces: (onChange: (gone: Iterable<number>) => void, namespace: NetworkNamespace) => InterfaceWatch;
  readonly onChange: (gone: Iterable<number>) => void;
}

/** Where the indexes of a namespace begin, so that none has the key of another interface; the number tells it apart. */
export function baseFor(number: number, indexes: readonly number[], taken: ReadonlySet<number>): number {
  const start = (FIRST_NUMBER + number) * BASE_STEP;
  const highest = Math.max(0, ...indexes);
  for (let shift = 0; shift < KEYS; shift += KEYS_APART) {
    const free = (index: number) => !taken.has((index + shift) % KEYS);
    const room = Array.from({ length: KEYS_APART }, (_, at) => highest + 1 + at);
    if (indexes.every(free) && room.every(free)) return start + shift;
  }
  return start;
}

/** Throws what keeps it from looking at all. */
interface Known {
  readonly namespace: NetworkNamespace;
  readonly watch: InterfaceWatch;
  /** Lower 16 bits of the indexes that it had when it came. */
  readonly keys: readonly number[];
}

export function followNamespaces(options: NamespacesOptions): Namespaces {
  const { folder, logger, onChange } = options;
  const own = statSync('/proc/self/ns/net');
  const known = new Map<number, Known>();
  let retries = 0;
  let timer: NodeJS.Timeout | undefined;
  let refused: string | undefined;

  /** By inode; and whether a name is there that is no namespace yet. */
  const find = () => {
    const found = new Map<number, string>();
    let incomplete = false;
    for (const name of namesIn(folder)) {
      const file = statSync(join(folder, name), { throwIfNoEntry: false });
      if (file === undefined || file.ino === own.ino) continue;
      if (file.dev !== own.dev) incomplete = true;
      else if (!found.has(file.ino)) found.set(file.ino, name);
    }
    return { found, incomplete };
  };
  const come = (name: string, inode: number) => {
    const number = firstFree(new Set([...known.values()].map(({ namespace }) => numberOf(namespace))));
    if (number === undefined) {
      throw new WeirError('kernel/call', `more than ${MAX_NAMESPACES} network namespaces`, {
        fix: 'set netns: host, and run an agent in those that matter',
      });
    }
    const unplaced = { name, path: join(folder, name), inode, base: 0 };
    const all = options.listInterfaces([unplaced]);
    const indexesOf = (place?: NetworkNamespace) =>
      all.flatMap(({ index, inNamespace }) => (inNamespace === place ? [index] : []));
    const [outside, inside] = [indexesOf(), indexesOf(unplaced)];
    const taken = new Set([...outside.map(keyOf), ...[...known.values()].flatMap(({ keys }) => keys)]);
    const namespace = { ...unplaced, base: baseFor(number, inside, taken) };
    const keys = inside.map((index) => keyOf(index + namespace.base));
    known.set(inode, { namespace, keys, watch: options.watchInterfaces(onChange, namespace) });
  };
  const look = () => {
    const { found, incomplete } = find();
    const before = [...known.keys()].join();
    for (const [inode, { namespace, watch }] of known) {
      if (found.get(inode) === namespace.name) continue;
      watch.close();
      known.delete(inode);
    }
    for (const [inode, name] of found) if (!known.has(inode)) come(name, inode);
    retries = incomplete ? retries + 1 : 0;
    if (incomplete && retries <= RETRIES) again();
    return before !== [...known.keys()].join();
  };
  const again = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      lookSafely();
    }, RETRY_MS).unref();
  };
  const lookSafely = () => {
    try {
      if (look()) onChange([]);
      refused = undefined;
    } catch (error) {
      if (refused !== String(error)) logger.error('Cannot follow the network namespaces.', { error });
      refused = String(error);
    }
  };

  const folderWatch = watchFolder(folder, () => {
    retries = 0;
    lookSafely();
  });
  try {
    look();
  } catch (error) {
    folderWatch.close();
    throw error;
  }
  return {
    current: () => [...known.values()].map(({ namespace }) => namespace),
    close() {
      clearTimeout(timer);
      folderWatch.close();
      for (const { watch } of known.values()) watch.close();
      known.clear();
    },
  };
}

const keyOf = (index: number) => index % KEYS;
const numberOf = ({ base }: NetworkNamespace) => Math.floor(base / BASE_STEP) - FIRST_NUMBER;

function firstFree(taken: ReadonlySet<number>): number | undefined {
  for (let number = 0; number < MAX_NAMESPACES; number++) if (!taken.has(number)) return number;
  return undefined;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Calls back when a name comes or goes; the first one makes the folder. */
function watchFolder(folder: string, onChange: () => void): { close(): void } {
  let watching: FSWatcher | undefined;
  let closed = false;
  const begin = () => {
    watching?.close();
    if (closed) return;
    try {
      watching = watch(folder, { persistent: false }, onChange);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      watching = watch(dirname(folder), { persistent: false }, () => {
        if (statSync(folder, { throwIfNoEntry: false }) === undefined) return;
        begin();
        onChange();
      });
    }
  };
  begin();
  return {
    close() {
      closed = true;
      watching?.close();
    },
  };
}
