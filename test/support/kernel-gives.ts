/**
 * What a test found out about the kernel it ran on, for the table of docs/kernels.md: scripts/test-kernels.ts reads it
 * from the output and compares.
 */

import type { ExecutionContext } from 'ava';

/** `what` is a row of the table, `answer` the text of this kernel's cell. Call it last: what failed before is not given. */
export function kernelGives(t: ExecutionContext, what: string, answer: string): void {
  t.log(`kernel gives: ${what} -> ${answer}`);
}
