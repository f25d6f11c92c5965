/**
 * Sections of `select` for the attributes of the agent itself, which Beyla takes under `network` and `beyla_network`:
 * what they include is kept, all where they include nothing, and what they exclude is left out.
 */

import type { Resource } from '../../core/table/resource.ts';
import { globPattern, normalizedMetric, type Select } from './selection.ts';

const SECTIONS: ReadonlySet<string> = new Set(['network', 'beyla.network', 'obi.network']);

/** `beyla_network`, `beyla.network.` */
export const isResourceSection = (key: string) => SECTIONS.has(normalizedMetric(key).replace(/\.$/, ''));

/** Gives the same object for the same sender each time: senders are told apart by it. */
export function resourceSelection(select: Select): (resource: Resource) => Resource {
  const sections = [...select].filter(([key]) => isResourceSection(key)).map(([, section]) => section);
  if (sections.length === 0) return (resource) => resource;
  const patterns = (globs: readonly string[]) => globs.flatMap((glob) => globPattern(glob) ?? []);
  const includes = patterns(sections.flatMap(({ include }) => include));
  const excludes = patterns(sections.flatMap(({ exclude }) => exclude));
  const made = new WeakMap<Resource, Resource>();
  const leaves = (name: string) => {
    const matches = (pattern: RegExp) => pattern.test(name.replaceAll('.', '_'));
    return (includes.length === 0 || includes.some(matches)) && !excludes.some(matches);
  };
  return (resource) => {
    const known = made.get(resource);
    if (known !== undefined) return known;
    const attributes = Object.fromEntries(Object.entries(resource.attributes).filter(([name]) => leaves(name)));
    const selected = { ...resource, attributes };
    made.set(resource, selected);
    return selected;
  };
}
