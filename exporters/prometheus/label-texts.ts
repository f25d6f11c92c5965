/**
 * The label texts of all series as bytes, each text once and by number. Bytes and not strings, for a hundred thousand
 * strings are what a garbage collector spends its time on. Append-only, so that whoever reads is not disturbed.
 */

const SEGMENT_BYTES = 1 << 20;
const INITIAL_CAPACITY = 1024;
const WORD_BYTES = 4;

/** Where the bytes of a text are: `segments[segmentOf[id]]`, from `startOf[id]` to `startOf[id] + lengthOf[id]`. */
export interface TextPlaces {
  readonly segments: readonly Buffer[];
  readonly segmentOf: Uint32Array;
  readonly startOf: Uint32Array;
  readonly lengthOf: Uint32Array;
}

/** Open addressing over the hashes of the bytes, linear probing, at most half full. */
export class LabelTexts {
  /** Secret, so that nobody can choose names whose texts collide. */
  readonly #seed = Math.floor(Math.random() * 0x1_0000_0000);
  readonly #segments: Buffer[] = [];
  /** Bytes in use of the last segment. */
  #used = 0;
  #size = 0;
  #segmentOf = new Uint32Array(INITIAL_CAPACITY);
  #startOf = new Uint32Array(INITIAL_CAPACITY);
  #lengthOf = new Uint32Array(INITIAL_CAPACITY);
  #hashes = new Int32Array(INITIAL_CAPACITY);
  /** Id + 1; 0 is free. */
  #slots = new Uint32Array(INITIAL_CAPACITY * 2);
  #scratch = Buffer.alloc(4096);

  get size(): number {
    return this.#size;
  }

  /** Stays valid whatever is appended later. */
  get places(): TextPlaces {
    return {
      segments: this.#segments,
      segmentOf: this.#segmentOf,
      startOf: this.#startOf,
      lengthOf: this.#lengthOf,
    };
  }

  /** The number of this text; appended when it is new. */
  intern(text: string): number {
    // A UTF-16 unit is at most three bytes of UTF-8.
    this.#reserve(text.length * 3);
    return this.#find(this.#scratch.write(text));
  }

  /** The same for a text of another list. */
  adopt(other: LabelTexts, id: number): number {
    const { segments, segmentOf, startOf, lengthOf } = other.places;
    this.#reserve(lengthOf[id]!);
    return this.#find(segments[segmentOf[id]!]!.copy(this.#scratch, 0, startOf[id]!, startOf[id]! + lengthOf[id]!));
  }

  /** Room for so many bytes, and for the zeros that fill the last word. */
  #reserve(bytes: number): void {
    if (this.#scratch.length < bytes + WORD_BYTES) this.#scratch = Buffer.alloc((bytes + 2 * WORD_BYTES) & -WORD_BYTES);
  }

  /** Of the text in the scratch buffer. */
  #find(length: number): number {
    for (let at = length; at < length + WORD_BYTES; at++) this.#scratch[at] = 0;
    const hash = hashOf(this.#scratch, length, this.#seed);
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (let taken = this.#slots[slot]!; taken !== 0; taken = this.#slots[slot]!) {
      const id = taken - 1;
      if (this.#hashes[id] === hash && this.#holds(id, length)) return id;
      slot = (slot + 1) & mask;
    }
    const id = this.#append(length, hash);
    if (this.#size * 2 > this.#slots.length) this.#rehash();
    else this.#slots[slot] = id + 1;
    return id;
  }

  #holds(id: number, length: number): boolean {
    if (this.#lengthOf[id] !== length) return false;
    const start = this.#startOf[id]!;
    return this.#scratch.compare(this.#segments[this.#segmentOf[id]!]!, start, start + length, 0, length) === 0;
  }

  #append(length: number, hash: number): number {
    const last = this.#segments.at(-1);
    if (last === undefined || this.#used + length > last.length) {
      this.#segments.push(Buffer.allocUnsafeSlow(Math.max(SEGMENT_BYTES, length)));
      this.#used = 0;
    }
    const id = this.#size++;
    if (id === this.#hashes.length) this.#grow();
    this.#scratch.copy(this.#segments.at(-1)!, this.#used, 0, length);
    this.#segmentOf[id] = this.#segments.length - 1;
    this.#startOf[id] = this.#used;
    this.#lengthOf[id] = length;
    this.#hashes[id] = hash;
    this.#used += length;
    return id;
  }

  #grow(): void {
    const capacity = this.#hashes.length * 2;
    this.#segmentOf = longer(this.#segmentOf, new Uint32Array(capacity));
    this.#startOf = longer(this.#startOf, new Uint32Array(capacity));
    this.#lengthOf = longer(this.#lengthOf, new Uint32Array(capacity));
    this.#hashes = longer(this.#hashes, new Int32Array(capacity));
  }

  #rehash(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let id = 0; id < this.#size; id++) {
      let slot = this.#hashes[id]! & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = id + 1;
    }
    this.#slots = slots;
  }
}

function longer<Codes extends Uint32Array | Int32Array>(old: Codes, empty: Codes): Codes {
  empty.set(old);
  return empty;
}

/** Word by word; the finaliser is MurmurHash3's (public domain, A. Appleby). Zeros must follow the bytes. */
function hashOf(bytes: Buffer, length: number, seed: number): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, (length + 3) >> 2);
  let hash = seed ^ length;
  for (let at = 0; at < words.length; at++) {
    hash = Math.imul(hash ^ words[at]!, 0x9e3779b1);
    hash ^= hash >>> 15;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return hash ^ (hash >>> 16);
}
