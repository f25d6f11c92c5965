/**
 * Under an emulated processor (scripts/test-kernels.ts) tests that send a lot send less, long tables are cut, and
 * patience lasts longer: what is asserted is the same.
 */

const LESS = 4;
const LONGER = 6;
const emulated = process.env.WEIR_TEST_EMULATED === '1';

/** A whole number of packets or bytes to send. */
export function lessWhenEmulated(amount: number): number {
  return emulated ? Math.floor(amount / LESS) : amount;
}

/** The first cases of a table, or all of them. */
export function fewerWhenEmulated<Case>(cases: readonly Case[], count: number): readonly Case[] {
  return emulated ? cases.slice(0, count) : cases;
}

/** For how long something that should come soon is waited for. */
export function longerWhenEmulated(patienceMs: number): number {
  return emulated ? patienceMs * LONGER : patienceMs;
}
