/**
 * Names of both ends of flows: who each endpoint is, asked of the store once and again when its change feed says so, and
 * the attributes that follow from it.
 */

import { createEndpointChanges } from '../../core/kubernetes/endpoint-changes.ts';
import type { Identity } from '../../core/kubernetes/identity.ts';
import type { KubernetesReader } from '../../core/kubernetes/store.ts';
import { ADDRESS_BYTES } from '../../core/table/address.ts';
import type { AttributeValue } from '../../core/table/dictionary.ts';
import type { EndpointDimension } from '../../core/table/dimension.ts';
import {
  createLiveDimensions,
  type EndpointAttribute,
  endpointValues,
  withEndpointAttribute,
} from '../../core/table/endpoint-columns.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';

/** One attribute of whoever an endpoint is. */
export interface IdentityAttribute {
  readonly attribute: EndpointAttribute;
  read(identity: Identity): AttributeValue | undefined;
}

const orAbsent = (text: string | undefined) => (text === '' ? undefined : text);

const identityAttributes: readonly IdentityAttribute[] = [
  { attribute: 'k8s.{end}.namespace', read: ({ namespace }) => orAbsent(namespace) },
  { attribute: 'k8s.{end}.owner.name', read: ({ owner }) => owner.name },
  { attribute: 'k8s.{end}.owner.type', read: ({ owner }) => owner.kind },
  { attribute: 'k8s.{end}.name', read: ({ name }) => name },
  { attribute: 'k8s.{end}.type', read: ({ kind }) => kind },
  { attribute: 'k8s.{end}.node.name', read: ({ node }) => node?.name },
  { attribute: 'k8s.{end}.node.ip', read: ({ node }) => node?.ip },
];

export const namedAttributes: readonly string[] = [
  ...['{end}.name', ...identityAttributes.map(({ attribute }) => attribute)].flatMap((attribute) =>
    ['src', 'dst'].map((end) => attribute.replace('{end}', end)),
  ),
];

export interface NamingOptions {
  readonly store: KubernetesReader;
  /** What is read of an identity beside the attributes above. */
  readonly more: { readonly attributes: readonly IdentityAttribute[]; see(identity: Identity): void };
  /** Hears who an endpoint is, whenever that was asked. */
  looked(dimension: EndpointDimension, endpoint: number, identity: Identity | undefined): void;
}

export interface Naming {
  /** The table with what is known at that time, which is now or nearly. */
  name(table: FlowTable, timeMs: number): FlowTable;
  /** The table with the names of its own time, which has passed. `nowMs` is for what all tables share. */
  nameApart(table: FlowTable, nowMs: number): FlowTable;
  /** Who an endpoint is at that time, asked anew. */
  identityAt(dimension: EndpointDimension, endpoint: number, timeMs: number): Identity | undefined;
  close(): void;
}

/** The end of its window, in milliseconds since the epoch. */
export const timeOf = ({ window }: FlowTable) => Number(window.endNs / 1_000_000n);

export function createNaming({ store, more, looked }: NamingOptions): Naming {
  /** Null: nobody is known. */
  const identities = new WeakMap<EndpointDimension, (Identity | null | undefined)[]>();
  /** Their columns have the names of a passed time, or were derived beside one that has. */
  let toDeriveAgain: (readonly [EndpointDimension, readonly number[]])[] = [];
  /** Each with the key of its column. */
  const attributes: (IdentityAttribute & { readonly key: object })[] = [];
  const catchUpWithAttributes = () => {
    const all = [...identityAttributes, ...more.attributes];
    for (const one of all.slice(attributes.length)) attributes.push({ ...one, key: {} });
  };
  const nameKey = {};
  const dimensions = createLiveDimensions();
  const changes = createEndpointChanges(store.openChanges(), dimensions, (dimension, endpoint) => {
    const known = identities.get(dimension);
    if (known !== undefined) known[endpoint] = undefined;
  });

  const identityAt = (dimension: EndpointDimension, endpoint: number, timeMs: number) => {
    const offset = endpoint * ADDRESS_BYTES;
    return store.identityAt(dimension.addressBytes.subarray(offset, offset + ADDRESS_BYTES), timeMs);
  };

  function identityNow(dimension: EndpointDimension, endpoint: number, timeMs: number): Identity | undefined {
    const known = identities.get(dimension) ?? [];
    identities.set(dimension, known);
    const before = known[endpoint];
    if (before !== undefined) return before ?? undefined;
    const identity = identityAt(dimension, endpoint, timeMs);
    known[endpoint] = identity ?? null;
    if (identity !== undefined) more.see(identity);
    looked(dimension, endpoint, identity);
    return identity;
  }

  function catchUp(dimension: EndpointDimension): void {
    dimensions.see(dimension);
    changes.look();
    for (const [other, endpoints] of toDeriveAgain) for (const endpoint of endpoints) other.markDirty(endpoint);
    toDeriveAgain = [];
  }

  function name(table: FlowTable, timeMs: number): FlowTable {
    const { endpoints } = table.ends;
    catchUp(endpoints);
    const given = endpointValues(table, '{end}.name');
    const names = endpoints.derive(nameKey, (endpoint) => {
      return identityNow(endpoints, endpoint, timeMs)?.name ?? given(endpoint) ?? endpoints.addresses.at(endpoint);
    });
    let named = withEndpointAttribute(table, '{end}.name', names);
    // Every endpoint was asked about by now.
    catchUpWithAttributes();
    for (const { attribute, key, read } of attributes) {
      const derivation = (endpoint: number) => {
        const identity = identityNow(endpoints, endpoint, timeMs);
        return identity && read(identity);
      };
      const column = endpoints.derive(key, derivation, { untilGone: true });
      named = withEndpointAttribute(named, attribute, column);
    }
    return named;
  }

  /** Those of the rows' endpoints that were somebody else at that time, and who. */
  function othersAt({ rows, ends }: FlowTable, timeMs: number): ReadonlyMap<number, Identity | undefined> {
    const others = new Map<number, Identity | undefined>();
    const { src, dst, endpoints } = ends;
    for (const endpoint of new Set([...src.subarray(0, rows), ...dst.subarray(0, rows)])) {
      const then = identityAt(endpoints, endpoint, timeMs);
      if (then !== undefined) more.see(then);
      if (!isSame(then, identities.get(endpoints)?.[endpoint] ?? undefined)) others.set(endpoint, then);
    }
    return others;
  }

  function withOthers(table: FlowTable, others: ReadonlyMap<number, Identity | undefined>): FlowTable {
    const { endpoints } = table.ends;
    const given = endpointValues(table, '{end}.name');
    const names = endpoints.derivedApart(nameKey, others.keys(), (endpoint) => {
      return others.get(endpoint)?.name ?? given(endpoint) ?? endpoints.addresses.at(endpoint);
    });
    let named = withEndpointAttribute(table, '{end}.name', names);
    for (const { attribute, key, read } of attributes) {
      const column = endpoints.derivedApart(key, others.keys(), (endpoint) => {
        const identity = others.get(endpoint);
        return identity && read(identity);
      });
      named = withEndpointAttribute(named, attribute, column);
    }
    toDeriveAgain.push([endpoints, [...others.keys()]]);
    return named;
  }

  return {
    name,
    identityAt,
    nameApart(table, nowMs) {
      const named = name(table, nowMs);
      const others = othersAt(table, timeOf(table));
      return others.size === 0 ? named : withOthers(table, others);
    },
    close: changes.close,
  };
}

const isSame = (a: Identity | undefined, b: Identity | undefined) =>
  a?.kind === b?.kind && a?.namespace === b?.namespace && a?.name === b?.name && a?.uid === b?.uid;
