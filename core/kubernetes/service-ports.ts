/** Which Service was dialled, told from an address, a port and a protocol at a time. */

import { type Claim, createAddressIndex } from './address-index.ts';
import type { ServiceName } from './identity.ts';
import type { KubernetesRecord, ServicePort, ServiceRecord } from './objects.ts';

export interface ServicePorts {
  /** A Service changed: undefined before it is new, undefined after it is gone. */
  replace(before: ServiceRecord | undefined, after: ServiceRecord | undefined): void;
  /** `records` are those that had the address, best first. */
  dialled(
    records: readonly KubernetesRecord[],
    port: number,
    protocol: string,
    timeMs: number,
  ): ServiceName | undefined;
  /** Forgets what has been gone for the retention. */
  expire(nowMs: number): void;
}

export function createServicePorts(nowMs: () => number): ServicePorts {
  /** By `TCP/30080`, which belongs to one Service in the whole cluster, and headless ones by `namespace/name`. */
  const index = createAddressIndex<ServiceName>();
  const claims = new Map<string, { readonly uid: string; readonly claim: Claim<ServiceName> }>();

  function close(key: string): void {
    const held = claims.get(key);
    if (held === undefined) return;
    index.close(held.claim, nowMs(), nowMs());
    claims.delete(key);
  }

  return {
    replace(before, after) {
      const kept = new Set(after === undefined ? [] : keysOf(after));
      for (const key of before === undefined ? [] : keysOf(before)) {
        if (!kept.has(key) && claims.get(key)?.uid === before!.uid) close(key);
      }
      if (after === undefined) return;
      const { uid, namespace, name } = after;
      for (const key of kept) {
        if (claims.get(key)?.uid === uid) continue;
        // Another Service had it whose end was not heard of yet.
        close(key);
        const claim = index.open(key, { namespace, name }, 0, before === undefined ? after.fromMs : nowMs());
        claims.set(key, { uid, claim });
      }
    },
    dialled(records, port, protocol, timeMs) {
      const has = ({ ports }: { readonly ports: readonly ServicePort[] }) =>
        ports.some((each) => each.port === port && each.protocol === protocol);
      const services = records.filter((record) => record.kind === 'Service');
      const withPort = firstOf(services.filter(has));
      if (withPort !== undefined) return withPort;
      // A load balancer's address that is a node's too is the Service's only where it has the port.
      if (records.some(({ kind }) => kind === 'Node')) return index.at(`${protocol}/${port}`, timeMs)[0]?.holder;
      if (services.length > 0) return firstOf(services);
      const slices = records.filter((record) => record.kind === 'EndpointSlice').filter(has);
      const names = slices.map(({ namespace, service }) => ({ namespace, name: service }));
      return firstOf(names.filter((name) => index.at(keyOf(name), timeMs).length > 0));
    },
    expire: (time) => void index.expire(time),
  };
}

function keysOf(service: ServiceRecord): readonly string[] {
  const ports = service.ports.filter(({ nodePort }) => nodePort !== 0);
  return [
    ...ports.map(({ protocol, nodePort }) => `${protocol}/${nodePort}`),
    ...(service.headless ? [keyOf(service)] : []),
  ];
}

const keyOf = ({ namespace, name }: ServiceName) => `${namespace}/${name}`;

/** The first by namespace and name, so that it is always the same one. */
function firstOf(names: readonly ServiceName[]): ServiceName | undefined {
  const first = names.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))[0];
  return first === undefined ? undefined : { namespace: first.namespace, name: first.name };
}
