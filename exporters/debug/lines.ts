/** Attributes and times as upstream's debug exporter writes them. */

/** An attribute: its value as text, and with its type. */
export type Listed = readonly [name: string, value: { readonly plain: string; readonly typed: string }];

/** Nothing where there are none. */
export function listOfAttributes(title: string, attributes: readonly Listed[]): string {
  if (attributes.length === 0) return '';
  return `${title}:\n${attributes.map(([name, { typed }]) => `     -> ${name}: ${typed}\n`).join('')}`;
}

/** As Go prints a time: `2020-02-11 20:26:12.000000321 +0000 UTC`, without zeros at the end of the fraction. */
export function timestamp(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000_000n) * 1000);
  // A sender may say any 64 bits, and a date ends in the year 275760.
  if (Number.isNaN(date.getTime())) return `${timeNs} ns`;
  const seconds = date.toISOString().slice(0, 19).replace('T', ' ');
  const fraction = (timeNs % 1_000_000_000n).toString().padStart(9, '0').replace(/0+$/, '');
  return `${seconds}${fraction === '' ? '' : `.${fraction}`} +0000 UTC`;
}
