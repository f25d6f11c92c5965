/** How much memory the runtime lets short-lived objects take. */

import { setFlagsFromString } from 'node:v8';

/**
 * V8 lets its young generation grow to 48 MB when many objects are made, and keeps what hangs on them as long: the arrays
 * of past windows, network buffers. Kept at its first size, the agent takes some 20 MB less with 20,000 flows or more,
 * and a list of 100,000 pods 130 MB less at its peak, for no more time (bench/RESULTS.md). For the whole process, from
 * now on: V8 reads the factor each time it would grow.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
