/** Which place in a family an id of a series index has, so that a known series costs no look at its labels. */

import type { Family } from './family.ts';
import type { LabelText } from './labels.ts';

/** What all families have of one sender's series index: the texts, and who has a place for which id. */
export interface SharedLabels {
  /** The same object for every index of this sender. */
  readonly sender: object;
  readonly textOf: LabelText;
  readonly bindings: Map<Family, Binding>;
}

/** Where the ids of one sender's series index are in a family. */
export interface Binding {
  places: Uint32Array;
  /** The serial number that the place had when it was given to this id; 0 where none was. */
  serials: Float64Array;
}

export function bindingOf(family: Family, ids: number, { bindings }: SharedLabels): Binding {
  let binding = bindings.get(family);
  if (binding === undefined) {
    binding = { places: new Uint32Array(0), serials: new Float64Array(0) };
    bindings.set(family, binding);
  }
  if (binding.places.length < ids) {
    const places = new Uint32Array(Math.max(ids, binding.places.length * 2));
    places.set(binding.places);
    binding.places = places;
    binding.serials = lengthened(binding.serials, places.length);
  }
  return binding;
}

/** Metrics that share an index have the same labels: those of a flow's bytes are those of its packets. */
export function textElsewhere(id: number, { bindings }: SharedLabels): number | undefined {
  for (const [family, binding] of bindings) {
    const text = family.textAt(binding, id);
    if (text !== undefined) return text;
  }
  return undefined;
}

export function lengthened(old: Float64Array, length: number): Float64Array<ArrayBuffer> {
  const array = new Float64Array(length);
  array.set(old);
  return array;
}
