/**
 * Which pod data with one identity comes from, as upstream has it: the first association of which every source says
 * something names the pod, and there is no other try when that pod is not known.
 */

import { canonicalAddress } from '../../core/kubernetes/addresses.ts';
import type { PodRecord } from '../../core/kubernetes/objects.ts';
import type { PodIndex } from '../../core/kubernetes/pod-index.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import type { UpstreamConfig } from './upstream-config.ts';

type Associations = UpstreamConfig['pod_association'];

/** One thing that is said of the pod. */
interface Said {
  readonly from: string;
  /** Of the resource attribute; empty for the connection. */
  readonly name: string;
  readonly value: string;
}

export interface Identifier {
  /** Place of the association; -1 for upstream's rule where there is none. */
  readonly association: number;
  readonly said: readonly Said[];
}

const textOf = (table: ResourceMetricsTable, name: string): string => {
  const value = table.attributes.get(name);
  return typeof value === 'string' ? value : '';
};

const isAddress = (text: string) => canonicalAddress(text) !== undefined;

/** Undefined where nothing is said by which a pod could be found. */
export function identify(associations: Associations, table: ResourceMetricsTable): Identifier | undefined {
  if (associations.length === 0) return identifyByAddress(table);
  for (const [association, { sources }] of associations.entries()) {
    const said = sources.map(({ from, name }): Said => ({ from, name, value: sourceOf(table, from, name) }));
    if (said.length > 0 && said.every(({ value }) => value !== '')) return { association, said };
  }
  return undefined;
}

function sourceOf(table: ResourceMetricsTable, from: string, name: string): string {
  if (from === 'connection') return table.sender ?? '';
  const value = textOf(table, name);
  // Of a host that is no pod this is its name.
  return name === 'host.name' && !isAddress(value) ? '' : value;
}

function identifyByAddress(table: ResourceMetricsTable): Identifier | undefined {
  const hostName = textOf(table, 'host.name');
  const all = [
    textOf(table, 'k8s.pod.ip'),
    textOf(table, 'ip'),
    table.sender ?? '',
    isAddress(hostName) ? hostName : '',
  ];
  const value = all.find((one) => one !== '');
  return value === undefined ? undefined : { association: -1, said: [{ from: 'connection', name: '', value }] };
}

/** The address that counts as that of the connection. */
export const connectionOf = ({ said }: Identifier): string | undefined =>
  said.find(({ from }) => from === 'connection')?.value;

/** For the label of a counter. */
export const nameOf = ({ said }: Identifier): string =>
  said.map(({ from, name }) => (from === 'connection' ? 'connection' : name)).join();

export interface PodFinder {
  find(identifier: Identifier, timeMs: number): PodRecord | undefined;
  close(): void;
}

const ADDRESSES: ReadonlySet<string> = new Set(['', 'k8s.pod.ip', 'host.name']);
const UID = 'k8s.pod.uid';

/**
 * `textsOf`: what a pod says of itself by the names of attributes. Associations by more than an address or a uid get an
 * index, some 100 bytes a pod.
 */
export function createPodFinder(
  associations: Associations,
  store: KubernetesReader,
  textsOf: (pod: PodRecord) => ReadonlyMap<string, string>,
): PodFinder {
  const valuesOf = (pod: PodRecord, name: string): readonly string[] => {
    if (ADDRESSES.has(name)) return pod.addresses;
    if (name === UID) return [pod.uid];
    if (name === 'k8s.pod.name') return [pod.name];
    if (name === 'k8s.namespace.name') return [pod.namespace];
    if (name === 'container.id') return pod.details?.containers.flatMap(({ status }) => status?.id ?? []) ?? [];
    const text = textsOf(pod).get(name);
    return text === undefined || text === '' ? [] : [text];
  };
  const isDirect = (names: readonly string[]) => names.length === 1 && (ADDRESSES.has(names[0]!) || names[0] === UID);
  const indexes = associations.map(({ sources }): PodIndex | undefined => {
    const names = sources.map(({ from, name }) => (from === 'connection' ? '' : name));
    if (names.length === 0 || isDirect(names)) return undefined;
    return store.openPodIndex((pod) => keysOf(names.map((name) => valuesOf(pod, name))));
  });
  return {
    find({ association, said }, timeMs) {
      const index = indexes[association];
      if (index !== undefined) return index.find(keyOf(said.map(({ value }) => value)));
      const { name, value } = said[0]!;
      return name === UID ? store.podByUid(value) : store.identityAt(value, timeMs)?.pod;
    },
    close() {
      for (const index of indexes) index?.close();
    },
  };
}

const keyOf = (values: readonly string[]) => values.join('\0');

/** One of each list, in every way. */
const keysOf = (lists: readonly (readonly string[])[]): readonly string[] =>
  lists
    .reduce<readonly (readonly string[])[]>(
      (all, list) => all.flatMap((before) => list.map((value) => [...before, value])),
      [[]],
    )
    .map(keyOf);
