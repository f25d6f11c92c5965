/** Tells readers which addresses may stand for something else now, so that only their endpoints are looked up again. */

/** A reader that does not ask for longer than this many changes is told that anything may have changed. */
export const MAX_PENDING_ADDRESSES = 1 << 18;

export interface Changes {
  /** True when too much changed to list it: every address must be looked up again. */
  readonly all: boolean;
  /** Canonical texts (core/table/address.ts). */
  readonly addresses: ReadonlySet<string>;
}

/** Each reader has one of its own. */
export interface ChangeFeed {
  /** What changed since the last call; the first call after opening gives `all`. */
  take(): Changes;
  close(): void;
}

export interface ChangeFeeds {
  open(): ChangeFeed;
  address(address: string): void;
  /** Every pod of a node: its zone or labels changed. */
  node(name: string): void;
  /** Everything in a namespace: labels of it changed. */
  namespace(name: string): void;
}

/** Names of what changed with all that is in it. */
export interface ChangedGroups {
  readonly nodes: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
}

interface Pending {
  all: boolean;
  addresses: Set<string>;
  nodes: Set<string>;
  namespaces: Set<string>;
}

const pending = (all: boolean): Pending => ({
  all,
  addresses: new Set(),
  nodes: new Set(),
  namespaces: new Set(),
});

/** `addressesIn` lists the addresses of what is in these groups: asked once a `take`, however many changed. */
export function createChangeFeeds(addressesIn: (groups: ChangedGroups) => Iterable<string>): ChangeFeeds {
  const feeds = new Set<{ pending: Pending }>();
  return {
    open() {
      const feed = { pending: pending(true) };
      feeds.add(feed);
      return {
        take() {
          const { all, addresses, ...groups } = feed.pending;
          feed.pending = pending(false);
          const grouped = groups.nodes.size + groups.namespaces.size > 0;
          if (!all && grouped) for (const address of addressesIn(groups)) addresses.add(address);
          return { all, addresses: all ? new Set() : addresses };
        },
        close: () => void feeds.delete(feed),
      };
    },
    address(address) {
      for (const feed of feeds) {
        if (feed.pending.all) continue;
        feed.pending.addresses.add(address);
        if (feed.pending.addresses.size > MAX_PENDING_ADDRESSES) feed.pending = pending(true);
      }
    },
    node(name) {
      for (const feed of feeds) if (!feed.pending.all) feed.pending.nodes.add(name);
    },
    namespace(name) {
      for (const feed of feeds) if (!feed.pending.all) feed.pending.namespaces.add(name);
    },
  };
}
