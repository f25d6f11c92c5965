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
}

interface Pending {
  all: boolean;
  addresses: Set<string>;
  nodes: Set<string>;
}

const pending = (all: boolean): Pending => ({ all, addresses: new Set(), nodes: new Set() });

/** `addressesOn` lists the addresses of the pods of these nodes: asked once a `take`, however many nodes changed. */
export function createChangeFeeds(addressesOn: (nodes: ReadonlySet<string>) => Iterable<string>): ChangeFeeds {
  const feeds = new Set<{ pending: Pending }>();
  return {
    open() {
      const feed = { pending: pending(true) };
      feeds.add(feed);
      return {
        take() {
          const { all, addresses, nodes } = feed.pending;
          feed.pending = pending(false);
          if (!all && nodes.size > 0) for (const address of addressesOn(nodes)) addresses.add(address);
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
  };
}
