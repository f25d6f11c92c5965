/** A dictionary that grows: gives each distinct value a code, the same for as long as the list lives. */

import { ABSENT, type AttributeValue, type Dictionary } from './dictionary.ts';

export class ValueList implements Dictionary {
  readonly #values: AttributeValue[] = [];
  readonly #codes = new Map<AttributeValue, number>();

  exists?: (code: number) => boolean;

  at(code: number): AttributeValue | undefined {
    return this.#values[code];
  }

  /** The code of a value, appended when it is new; ABSENT for undefined. */
  code(value: AttributeValue | undefined): number {
    if (value === undefined) return ABSENT;
    const known = this.#codes.get(value);
    if (known !== undefined) return known;
    const code = this.#values.push(value) - 1;
    this.#codes.set(value, code);
    return code;
  }
}
