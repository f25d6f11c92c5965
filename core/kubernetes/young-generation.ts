/** How much memory the runtime lets short-lived objects take while a cluster is followed. */

import { setFlagsFromString } from 'node:v8';

/**
 * Parsing makes nothing but short-lived objects, for which V8 lets its young generation grow to 48 MB, and keeps network
 * buffers as long as they. Kept at its first size, a list of 100,000 pods takes 130 MB less at its peak and no more time
 * (bench/RESULTS.md). It holds for the whole process, from now on: V8 reads the factor each time it would grow.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
