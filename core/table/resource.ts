/**
 * Who sends: the attributes of this agent and the scope of its metrics. Compared by object identity, so receivers make
 * them here, where equal ones are one object: then series go on when a receiver is replaced.
 */

import type { AttributeValue } from './dictionary.ts';

export interface Resource {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
}

export interface Scope {
  readonly name: string;
  readonly version: string;
}

/** Equal for attributes that are equal and in the same order, as long as somebody has the one that was made before. */
export const resourceOf = interned((attributes: Resource['attributes']): Resource => ({ attributes }));

export const scopeOf = interned(({ name, version }: Scope): Scope => ({ name, version }));

function interned<Given, Made extends object>(make: (given: Given) => Made): (given: Given) => Made {
  const known = new Map<string, WeakRef<Made>>();
  const unused = new FinalizationRegistry<string>((key) => {
    if (known.get(key)?.deref() === undefined) known.delete(key);
  });
  return (given) => {
    const key = JSON.stringify(given);
    const before = known.get(key)?.deref();
    if (before !== undefined) return before;
    const made = make(given);
    known.set(key, new WeakRef(made));
    unused.register(made, key);
    return made;
  };
}

/** Nanoseconds since the Unix epoch; start included, end excluded, so that windows join without gap or overlap. */
export interface TimeWindow {
  readonly startNs: bigint;
  readonly endNs: bigint;
}
