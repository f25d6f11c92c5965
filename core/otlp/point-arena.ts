/**
 * Encoded points by series, ready but for their times and value, in one buffer together with the request that is being
 * written: moving a point into the request is one `copyWithin`, without an allocation.
 *
 *   | point of series 4 | point of series 0 | ...        | request ...        | free |
 *   0                                            arena end                     capacity
 *
 * One point is a whole `data_points` field: tag and length, the attributes, then 27 bytes at a fixed place from its
 * end: tag and start time, tag and time, tag and value.
 */

import type { SeriesIndex } from '../table/series-index.ts';
import { attributeBytesAtMost, attributeKey, writeAttribute } from './attribute.ts';
import { lengthDelimitedTag, varintLength, writeVarint } from './proto-writer.ts';

/** Where a point's start time, time and value stand, counted back from its end; each is eight bytes, little endian. */
export const START_FROM_END = 26;
export const TIME_FROM_END = 17;
export const VALUE_FROM_END = 8;

const DATA_POINTS_TAG = lengthDelimitedTag(1);
const ATTRIBUTES_TAG = lengthDelimitedTag(7);
const START_TAG = (2 << 3) | 1;
const TIME_TAG = (3 << 3) | 1;
const AS_INT_TAG = (6 << 3) | 1;
const TAIL_BYTES = 27;

/** Tag and the longest length of a point: the attributes are written behind this room, the head is put before them. */
const HEAD_ROOM = 6;

const FIRST_CAPACITY = 64 * 1024;

/** Where the points of one index stand; a length of 0 is a series that was not encoded yet. */
export interface PointPlaces {
  readonly offsets: Uint32Array;
  readonly lengths: Uint32Array;
}

export class PointArena {
  /** Replaced when it grows: read it anew after each call that may append. */
  buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  #end = 0;
  #places = new WeakMap<SeriesIndex, PointPlaces>();
  #keys = new WeakMap<SeriesIndex, readonly Uint8Array[]>();

  /** Bytes of all points that are kept. */
  get bytes(): number {
    return this.#end;
  }

  /** The places of an index, long enough for the ids it has now. */
  placesOf(index: SeriesIndex): PointPlaces {
    const known = this.#places.get(index);
    if (known !== undefined && known.offsets.length >= index.size) return known;
    const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(Math.max(1, index.size))));
    const places = { offsets: new Uint32Array(capacity), lengths: new Uint32Array(capacity) };
    if (known !== undefined) {
      places.offsets.set(known.offsets);
      places.lengths.set(known.lengths);
    }
    this.#places.set(index, places);
    return places;
  }

  /** Encodes the point of a series that has none yet; gives its length. */
  append(index: SeriesIndex, places: PointPlaces, id: number): number {
    const keys = this.#keysOf(index);
    const attributesStart = this.#end + HEAD_ROOM;
    let at = attributesStart;
    this.reserve(HEAD_ROOM + TAIL_BYTES);
    for (const [i, { dictionary, codes }] of index.columns.entries()) {
      const value = dictionary.at(codes[id]!);
      if (value === undefined) continue;
      this.reserve(at - this.#end + attributeBytesAtMost(keys[i]!, value) + TAIL_BYTES);
      at = writeAttribute(this.buffer, at, ATTRIBUTES_TAG, keys[i]!, value);
    }
    this.buffer[at] = START_TAG;
    this.buffer[at + 9] = TIME_TAG;
    this.buffer[at + 18] = AS_INT_TAG;
    at += TAIL_BYTES;

    const contentBytes = at - attributesStart;
    const start = attributesStart - 1 - varintLength(contentBytes);
    this.buffer[start] = DATA_POINTS_TAG;
    writeVarint(this.buffer, start + 1, contentBytes);
    places.offsets[id] = start;
    places.lengths[id] = at - start;
    this.#end = at;
    return at - start;
  }

  /** Makes room for this many bytes behind the points; gives the offset where they begin. */
  reserve(bytes: number): number {
    const needed = this.#end + bytes;
    if (needed > this.buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, Math.ceil(this.buffer.length * 1.5)));
      // All of it: behind the points may stand the first attributes of the next one.
      this.buffer.copy(grown);
      this.buffer = grown;
    }
    return this.#end;
  }

  /** Drops every point; those still in use are encoded again when they are asked for. */
  forget(): void {
    this.buffer = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
    this.#end = 0;
    this.#places = new WeakMap();
  }

  #keysOf(index: SeriesIndex): readonly Uint8Array[] {
    let keys = this.#keys.get(index);
    if (keys === undefined) {
      keys = index.columns.map((column) => attributeKey(column.name));
      this.#keys.set(index, keys);
    }
    return keys;
  }
}
