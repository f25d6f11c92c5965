/**
 * The configuration as a tree in which every node knows its place, so that any later complaint can point at it. Here
 * live the shape of the tree, the merge of several sources, and the way back to plain values.
 */

interface NodeBase {
  /** `collector.yaml:14:5`: of the key for a value in a map, of the value itself otherwise. */
  readonly place: string;
  /** The text that a whole `${...}` stood for; fields that are text get this and not what YAML made of it. */
  readonly text?: string;
}
export interface MapNode extends NodeBase {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, ConfigNode>;
}
export interface ListNode extends NodeBase {
  readonly kind: 'list';
  readonly items: readonly ConfigNode[];
}
export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
}
export type ConfigNode = MapNode | ListNode | ScalarNode;

/** Stands between the keys of a path, and splits keys that contain it. */
export const pathDelimiter = '::';

export const isNull = (node: ConfigNode | undefined): boolean =>
  node === undefined || (node.kind === 'scalar' && node.value === null);

/**
 * Maps join, everything else is replaced by the later source, also by an explicit null. `onListReplaced` hears of each
 * list with items that is lost to another list.
 */
export function merge(
  earlier: ConfigNode,
  later: ConfigNode,
  onListReplaced: (earlier: ListNode, later: ListNode, path: readonly string[]) => void,
  path: readonly string[] = [],
): ConfigNode {
  if (earlier.kind === 'list' && later.kind === 'list' && earlier.items.length > 0) {
    onListReplaced(earlier, later, path);
  }
  if (earlier.kind !== 'map' || later.kind !== 'map') return later;
  const entries = new Map(earlier.entries);
  for (const [key, node] of later.entries) {
    const before = entries.get(key);
    entries.set(key, before === undefined ? node : merge(before, node, onListReplaced, [...path, key]));
  }
  return { ...later, entries };
}

/** The node at the path, or the deepest one on the way to it. */
export function nearestNode(root: ConfigNode, path: readonly string[]): ConfigNode {
  let node = root;
  for (const step of path) {
    const next: ConfigNode | undefined =
      node.kind === 'map' ? node.entries.get(step) : node.kind === 'list' ? node.items[Number(step)] : undefined;
    if (next === undefined) break;
    node = next;
  }
  return node;
}

/** Plain values; with `asText`, scalars that came whole out of an expansion are given as their text. */
export function plainValue(node: ConfigNode, asText: boolean): unknown {
  if (node.kind === 'scalar') return asText && node.text !== undefined ? node.text : node.value;
  if (node.kind === 'list') return node.items.map((item) => plainValue(item, asText));
  return Object.fromEntries([...node.entries].map(([key, value]) => [key, plainValue(value, asText)]));
}

/** A tree of plain values, all at one place: for defaults, which stand in no file. */
export function treeOf(value: unknown, place: string): ConfigNode {
  if (Array.isArray(value)) return { kind: 'list', items: value.map((item) => treeOf(item, place)), place };
  if (typeof value === 'object' && value !== null) {
    return {
      kind: 'map',
      entries: new Map(Object.entries(value).map(([key, item]) => [key, treeOf(item, place)])),
      place,
    };
  }
  const known = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean';
  return { kind: 'scalar', value: known ? value : null, place };
}
