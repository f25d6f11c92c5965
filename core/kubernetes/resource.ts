/** What a resource of the Kubernetes API is to the store, and what all of their objects have in common. */

import { list, number, object, type Reader, text, texts } from './json-scan.ts';
import type { KubernetesRecord, Texts } from './objects.ts';

export type ResourceName = 'pods' | 'nodes' | 'services' | 'endpointslices' | 'namespaces';

/** An object as it came: its identity and version, and the record of it. */
export interface Parsed<R extends KubernetesRecord> {
  readonly version: string;
  /** Undefined for an object without a name or uid, which no server sends. */
  readonly record: R | undefined;
  /** What a Status object has in its place: an error in a stream. */
  readonly failure: StatusFailure | undefined;
}

export interface StatusFailure {
  readonly code: number;
  readonly message: string;
}

export interface Resource<R extends KubernetesRecord> {
  readonly name: ResourceName;
  /** API group; empty for the core group. */
  readonly group: string;
  readonly path: string;
  readonly object: Reader<Parsed<R>>;
}

/** Which labels or annotations to keep, by their key. */
export type KeyFilter = (key: string) => boolean;
export interface KeptKeys {
  readonly labels: KeyFilter;
  readonly annotations: KeyFilter;
}

export const NO_TEXTS: Texts = Object.freeze({});

export const metadataOf = (keys: KeptKeys) => ({
  name: text,
  namespace: text,
  uid: text,
  resourceVersion: text,
  creationTimestamp: text,
  labels: texts(keys.labels),
  annotations: texts(keys.annotations),
});

/** `Status` objects share the key `status` with others, where it is no object. */
export const statusFields = { code: number, message: text };

export interface Metadata {
  readonly name?: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly creationTimestamp?: string;
  readonly labels?: Texts;
  readonly annotations?: Texts;
}
export interface Raw {
  readonly metadata?: Metadata;
  readonly code?: number;
  readonly message?: string;
}
export interface Identified {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly createdMs: number;
  readonly labels: Texts;
  readonly annotations: Texts;
}

export function parsing<T extends Raw, R extends KubernetesRecord>(
  shape: Reader<T>,
  recordOf: (raw: T, identified: Identified) => R,
): Reader<Parsed<R>> {
  return (cursor) => {
    const raw = shape(cursor);
    if (raw === undefined) return undefined;
    const {
      name,
      uid,
      namespace = '',
      creationTimestamp,
      labels = NO_TEXTS,
      annotations = NO_TEXTS,
    } = raw.metadata ?? {};
    const identified =
      name === undefined || uid === undefined
        ? undefined
        : { name, uid, namespace, labels, annotations, createdMs: timeOf(creationTimestamp) ?? 0 };
    return {
      version: raw.metadata?.resourceVersion ?? '',
      record: identified === undefined ? undefined : recordOf(raw, identified),
      failure: raw.code === undefined ? undefined : { code: raw.code, message: raw.message ?? '' },
    };
  };
}

/** Undefined for what is absent or no time. */
export function timeOf(timestamp: string | undefined): number | undefined {
  if (timestamp === undefined) return undefined;
  const timeMs = Date.parse(timestamp);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

export const ips = list(object({ ip: text }));
export const ipTexts = (found: readonly { readonly ip?: string }[] = []) =>
  found.flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
