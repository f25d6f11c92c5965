/** Hashes tuples of codes for tables with open addressing: a step for each code, begun with a secret, then the end. */

/** A start that nobody else knows, so that nobody can choose ports whose tuples collide. */
export const secretSeed = (): number => Math.floor(Math.random() * 0x1_0000_0000) | 0;

/** Each step hides the secret in every later one: to add codes up first would let tuples collide under every secret. */
export function mixCode(hash: number, code: number): number {
  const mixed = Math.imul(hash ^ code, 0x9e3779b1);
  return mixed ^ (mixed >>> 15);
}

/** The finaliser of MurmurHash3 (public domain, A. Appleby): every bit of the input moves every bit of the slot. */
export function finishHash(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
