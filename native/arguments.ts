/** Checks of numbers on their way to the addon, which trusts them. */

import { WeirError } from '../core/errors.ts';

/** 2 GiB of slots of 64 bytes. */
export const MAX_SLOTS = 1 << 25;
/** The kernel counts interface indexes in an int. */
const MAX_INTERFACE_INDEX = 0x7fff_ffff;

export function integer(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new WeirError('native/argument', `${name}: want an integer from ${least} to ${most}, got ${value}`);
  }
  return value;
}

export function interfaceIndex(index: number): number {
  return integer('index', index, 1, MAX_INTERFACE_INDEX);
}
