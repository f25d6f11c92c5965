/**
 * The objects of one resource as they are now, and the claims of each on its addresses. Takes what list and watch bring,
 * and says what that changed; objects that are gone are kept as long as their claims.
 */

import { isDeepStrictEqual } from 'node:util';
import { type AddressIndex, type Claim, RETENTION_MS } from './address-index.ts';
import type { KubernetesRecord } from './objects.ts';

/** One object over all its states: what a claim points at, so that a change of labels touches no claim. */
export interface Holder<R extends KubernetesRecord = KubernetesRecord> {
  record: R;
  claims: readonly Claim<Holder>[];
  /** Which list brought it last. */
  list: number;
  /** When it was last heard of without an address; 0 when it always had one. */
  bareMs: number;
}

export interface RecordTable<R extends KubernetesRecord> {
  /** Those that exist; what is gone does not count. */
  readonly size: number;
  /** Also what was deleted within the retention. */
  get(uid: string): R | undefined;
  /** Those that exist. */
  records(): Iterable<R>;
  /** Between begin and end every object that exists is set; at the end the others are gone. */
  beginList(): void;
  endList(): void;
  set(record: R): void;
  delete(uid: string): void;
  /** Forgets what has been gone for the retention. */
  expire(nowMs: number): void;
}

export interface RecordTableOptions<R extends KubernetesRecord> {
  readonly index: AddressIndex<Holder>;
  readonly nowMs: () => number;
  /** Of two holders of an address the one with the lower rank names it. */
  readonly rank: number;
  /** When it gave up its addresses though it exists; undefined: it has them. */
  readonly endedMs: (record: R) => number | undefined;
  readonly changed: (
    change: RecordChange,
    before: R | undefined,
    after: R | undefined,
    addresses: readonly string[],
  ) => void;
}

export type RecordChange = 'added' | 'updated' | 'deleted';

export function createRecordTable<R extends KubernetesRecord>(options: RecordTableOptions<R>): RecordTable<R> {
  const { index, nowMs, rank, changed } = options;
  const live = new Map<string, Holder<R>>();
  const gone = new Map<string, { readonly record: R; readonly forgetMs: number }>();
  let list = 0;

  function open(holder: Holder<R>, addresses: readonly string[], fromMs: number): void {
    if (addresses.length === 0) return;
    const made = addresses.map((address) => index.open(address, holder as unknown as Holder, rank, fromMs));
    holder.claims = holder.claims.length === 0 ? made : [...holder.claims, ...made];
  }

  function close(holder: Holder<R>, claims: readonly Claim<Holder>[], toMs: number): void {
    for (const claim of claims) index.close(claim, Math.max(toMs, claim.fromMs), nowMs());
    holder.claims = claims === holder.claims ? [] : holder.claims.filter((claim) => !claims.includes(claim));
  }

  const bareMs = (record: R) => (record.addresses.length === 0 ? nowMs() : 0);

  /**
   * Since when a known object has had the addresses that it did not have before. A pod says so itself, or else has not had
   * them while it was known to be without, whatever its start; for others it is when they are first heard of.
   */
  function gainedMs({ record, bareMs }: Holder<R>): number {
    if (record.kind !== 'Pod') return nowMs();
    return record.fromIsExact ? record.fromMs : Math.max(record.fromMs, bareMs);
  }

  /** Makes the claims those of the record as it is now. */
  function move(holder: Holder<R>, before: R): void {
    const { record } = holder;
    const endedMs = options.endedMs(record);
    if (endedMs === undefined && isDeepStrictEqual(record.addresses, before.addresses)) return;
    const gained = new Set(record.addresses);
    const lost = holder.claims.filter(({ address }) => !gained.has(address));
    for (const { address } of holder.claims) gained.delete(address);
    close(holder, lost, nowMs());
    // A short job may say its address and its end at once; one that was known to have ended has no claims any more.
    if (endedMs === undefined || options.endedMs(before) === undefined) open(holder, [...gained], gainedMs(holder));
    if (endedMs !== undefined) close(holder, holder.claims, endedMs === 0 ? nowMs() : Math.min(endedMs, nowMs()));
  }

  function add(record: R): void {
    const holder: Holder<R> = { record, claims: [], list, bareMs: bareMs(record) };
    live.set(record.uid, holder);
    gone.delete(record.uid);
    const endedMs = options.endedMs(record);
    // Of what ended before it was first heard of, only what may still be looked up is worth a claim.
    if (endedMs === undefined || endedMs > nowMs() - RETENTION_MS) open(holder, record.addresses, record.fromMs);
    if (endedMs !== undefined) close(holder, holder.claims, endedMs);
    changed('added', undefined, record, record.addresses);
  }

  function remove(holder: Holder<R>): void {
    const { record } = holder;
    live.delete(record.uid);
    gone.set(record.uid, { record, forgetMs: nowMs() + RETENTION_MS });
    close(holder, holder.claims, nowMs());
    changed('deleted', record, undefined, record.addresses);
  }

  return {
    get size() {
      return live.size;
    },
    get: (uid) => live.get(uid)?.record ?? gone.get(uid)?.record,
    *records() {
      for (const { record } of live.values()) yield record;
    },
    beginList() {
      list++;
    },
    endList() {
      for (const holder of live.values()) if (holder.list !== list) remove(holder);
    },
    set(record) {
      const holder = live.get(record.uid);
      if (holder === undefined) {
        add(record);
        return;
      }
      holder.list = list;
      const before = holder.record;
      // Most updates of a pod change nothing that is kept.
      if (isDeepStrictEqual(before, record)) return;
      holder.record = record;
      move(holder, before);
      holder.bareMs = bareMs(record);
      changed('updated', before, record, [...new Set([...before.addresses, ...record.addresses])]);
    },
    delete(uid) {
      const holder = live.get(uid);
      if (holder !== undefined) remove(holder);
    },
    expire(time) {
      for (const [uid, { forgetMs }] of gone) if (forgetMs <= time) gone.delete(uid);
    },
  };
}
