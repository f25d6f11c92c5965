/**
 * The endpoints of one epoch: an append-only list of addresses, and columns derived from them once per endpoint. A full
 * dimension is replaced by the next epoch's, never emptied: tables in a queue keep theirs.
 */

import { ADDRESS_BYTES, type AddressKind, addressKind, addressText, isIPv4 } from './address.ts';
import type { AttributeValue, Dictionary } from './dictionary.ts';
import { ValueList } from './value-list.ts';

/** At this size a dimension is full and its successor takes over before the next collect, which may go past it. */
export const MAX_ENDPOINTS = 1 << 18;

const INITIAL_ENDPOINTS = 256;

/** One code an endpoint: what `AttributeColumn.through` takes, with the dictionary that goes with it. */
export interface EndpointColumn {
  readonly codes: Uint32Array;
  readonly dictionary: Dictionary;
}

/** The value of one endpoint; undefined when it has none. */
export type Derivation = (endpoint: number) => AttributeValue | undefined;

interface Derived {
  readonly values: ValueList;
  readonly dirty: Set<number>;
  codes: Uint32Array;
  size: number;
}

export class EndpointDimension {
  /** Counts the dimensions of one receiver from 0. */
  readonly epoch: number;
  /** Text of each endpoint's address, made when it is first asked for. */
  readonly addresses: Dictionary = { at: (endpoint) => this.#address(endpoint) };
  readonly #texts: string[] = [];
  readonly #derived = new Map<string | object, Derived>();
  /** Of the first `#indexed` endpoints; filled when somebody first asks. */
  readonly #endpointOf = new Map<string, number>();
  #indexed = 0;
  #bytes = new Uint8Array(INITIAL_ENDPOINTS * ADDRESS_BYTES);
  #size = 0;
  #firstSize = 0;
  #retired = false;

  constructor(epoch = 0) {
    this.epoch = epoch;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Also twice what its first collect brought: a host with more live endpoints than the limit must not begin an epoch
   * with every collect.
   */
  get full(): boolean {
    return this.#size >= MAX_ENDPOINTS && this.#size >= 2 * this.#firstSize;
  }

  /** Adds endpoints, 16 bytes each; their codes count on from `size`. */
  append(addresses: Uint8Array): void {
    const count = addresses.length / ADDRESS_BYTES;
    this.#reserve(this.#size + count);
    this.#bytes.set(addresses, this.#size * ADDRESS_BYTES);
    if (this.#size === 0) this.#firstSize = count;
    this.#size += count;
  }

  /** `ipv4` or `ipv6`. */
  networkTypes(): EndpointColumn {
    return this.derive('network.type', (endpoint) => (isIPv4(this.#bytes, endpoint * ADDRESS_BYTES) ? 'ipv4' : 'ipv6'));
  }

  /** 16 bytes of each endpoint's address; valid until the next append. */
  get addressBytes(): Uint8Array {
    return this.#bytes;
  }

  kind(endpoint: number): AddressKind {
    return addressKind(this.#bytes, endpoint * ADDRESS_BYTES);
  }

  /** The endpoint with this address, as `addresses` writes it; undefined when there is none. */
  endpointOf(address: string): number | undefined {
    for (; this.#indexed < this.#size; this.#indexed++) {
      const text = this.#address(this.#indexed);
      if (text !== undefined) this.#endpointOf.set(text, this.#indexed);
    }
    return this.#endpointOf.get(address);
  }

  /**
   * The column under that key, computed for endpoints that are new or marked dirty since the last call. The codes of a
   * column given out before do not change: a table that holds it keeps the values of its own time. The key is a name for
   * what is the same everywhere, and an object of its own for what depends on somebody's configuration.
   *
   * `untilGone`: an endpoint loses its value when what that names is gone. So as long as one endpoint has a value, it
   * exists, and series may be kept for it (`Dictionary.exists`); until the dimension is replaced.
   */
  derive(key: string | object, value: Derivation, { untilGone = false } = {}): EndpointColumn {
    let column = this.#derived.get(key);
    if (column === undefined) {
      column = { values: new ValueList(), dirty: new Set(), codes: new Uint32Array(INITIAL_ENDPOINTS), size: 0 };
      this.#derived.set(key, column);
      if (untilGone) column.values.exists = this.#existence(column);
    }
    this.#refresh(column, value);
    this.#extend(column, value);
    return { codes: column.codes.subarray(0, column.size), dictionary: column.values };
  }

  /**
   * The column under that key as it was last derived, but for these endpoints, whose values are computed for this caller
   * alone: what was true of them at another time. Codes are of the same dictionary.
   */
  derivedApart(key: string | object, endpoints: Iterable<number>, value: Derivation): EndpointColumn {
    const column = this.#derived.get(key);
    if (column === undefined) throw new Error('no column was derived under this key');
    const codes = column.codes.slice(0, column.size);
    for (const endpoint of endpoints) codes[endpoint] = column.values.code(value(endpoint));
    return { codes, dictionary: column.values };
  }

  /** Another dimension has taken its place: nobody learns any more which of its endpoints are gone. */
  retire(): void {
    this.#retired = true;
  }

  /** Whether an endpoint has the value of a code: looked up in a list that is made anew when the column has changed. */
  #existence(column: Derived): (code: number) => boolean {
    let present = new Set<number>();
    let of: { readonly codes: Uint32Array; readonly size: number } | undefined;
    return (code) => {
      if (this.#retired) return false;
      if (of?.codes !== column.codes || of.size !== column.size) {
        present = new Set(column.codes.subarray(0, column.size));
        of = { codes: column.codes, size: column.size };
      }
      return present.has(code);
    };
  }

  /** What is known about the endpoint has changed: every column is derived again for it. */
  markDirty(endpoint: number): void {
    for (const column of this.#derived.values()) if (endpoint < column.size) column.dirty.add(endpoint);
  }

  #refresh(column: Derived, value: Derivation): void {
    let copied = false;
    for (const endpoint of column.dirty) {
      const code = column.values.code(value(endpoint));
      if (code === column.codes[endpoint]) continue;
      if (!copied) column.codes = column.codes.slice();
      copied = true;
      column.codes[endpoint] = code;
    }
    column.dirty.clear();
  }

  #extend(column: Derived, value: Derivation): void {
    if (column.size === this.#size) return;
    if (this.#size > column.codes.length) {
      const codes = new Uint32Array(this.#capacity);
      codes.set(column.codes);
      column.codes = codes;
    }
    for (; column.size < this.#size; column.size++) {
      column.codes[column.size] = column.values.code(value(column.size));
    }
  }

  #address(endpoint: number): string | undefined {
    if (endpoint >= this.#size) return undefined;
    this.#texts[endpoint] ??= addressText(this.#bytes, endpoint * ADDRESS_BYTES);
    return this.#texts[endpoint];
  }

  get #capacity(): number {
    return this.#bytes.length / ADDRESS_BYTES;
  }

  #reserve(size: number): void {
    let capacity = this.#capacity;
    if (size <= capacity) return;
    while (capacity < size) capacity *= 2;
    const bytes = new Uint8Array(capacity * ADDRESS_BYTES);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
  }
}
