/** Under an emulated processor (scripts/test-kernels.ts) tests that send a lot send less: what they assert is the same. */

const DIVISOR = 20;
const emulated = process.env.WEIR_TEST_EMULATED === '1';

/** A whole number of packets or bytes to send. */
export function lessWhenEmulated(amount: number): number {
  return emulated ? Math.floor(amount / DIVISOR) : amount;
}
