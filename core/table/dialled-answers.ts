/**
 * What was answered for an endpoint, a port and a protocol: open addressing over one typed array, linear probing, at most
 * half full. A Map with such keys takes five times as long, and there is one look-up a row.
 */

/** Codes of answers: one was not asked for yet, and there is no Service. */
export const NOT_ASKED = -1;
export const NONE = -2;

export interface Answers {
  readonly size: number;
  find(endpoint: number, port: number, protocol: number): number;
  /** Gives the code that `find` will give; undefined: NONE. */
  add(endpoint: number, port: number, protocol: number, answer: number | undefined): number;
}

const INITIAL_SLOTS = 1024;
/** Endpoint + 1 (0 is free), port and protocol, answer. */
const WORDS = 3;

export function createAnswers(): Answers {
  let slots = new Int32Array(INITIAL_SLOTS * WORDS);
  let mask = INITIAL_SLOTS - 1;
  let size = 0;

  /** Where the key stands, or where it would. */
  function slotOf(owner: number, service: number): number {
    let hash = Math.imul(owner ^ Math.imul(service, 0x9e3779b1), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    for (let slot = (hash ^ (hash >>> 16)) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * WORDS;
      if (slots[at] === 0 || (slots[at] === owner && slots[at + 1] === service)) return at;
    }
  }

  function put(owner: number, service: number, answer: number): void {
    const at = slotOf(owner, service);
    slots[at] = owner;
    slots[at + 1] = service;
    slots[at + 2] = answer;
  }

  function grow(): void {
    const old = slots;
    slots = new Int32Array(old.length * 2);
    mask = slots.length / WORDS - 1;
    for (let at = 0; at < old.length; at += WORDS) if (old[at] !== 0) put(old[at]!, old[at + 1]!, old[at + 2]!);
  }

  return {
    get size() {
      return size;
    },
    find(endpoint, port, protocol) {
      const at = slotOf(endpoint + 1, (port << 16) | (protocol & 0xffff));
      return slots[at] === 0 ? NOT_ASKED : slots[at + 2]!;
    },
    add(endpoint, port, protocol, answer = NONE) {
      if (2 * ++size > mask) grow();
      put(endpoint + 1, (port << 16) | (protocol & 0xffff), answer);
      return answer;
    },
  };
}
