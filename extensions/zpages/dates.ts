/** Times as the pages write them. */

/** `2026-11-30T20:12:31.250Z`. */
export const dateOf = (timeNs: bigint): string => new Date(Number(timeNs / 1_000_000n)).toISOString();

/** With three digits: `250µs`, `1.23ms`, `61.2s`. */
export function durationOf(milliseconds: number): string {
  const [amount, unit] =
    milliseconds < 1
      ? [milliseconds * 1000, 'µs']
      : milliseconds < 1000
        ? [milliseconds, 'ms']
        : [milliseconds / 1000, 's'];
  return `${amount < 100 ? Number(amount.toPrecision(3)) : Math.round(amount)}${unit}`;
}
