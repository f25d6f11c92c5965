/** Says in which availability zone and region each end of a flow is, and whether the flow leaves its zone. */

import { defineProcessor, type Host, type Processor } from '../../core/component/define.ts';
import { type SharedStores, sharedStores } from '../../core/kubernetes/shared-stores.ts';
import { createLiveDimensions, endpointOfAttribute } from '../../core/table/endpoint-columns.ts';
import { createZones, zoneAttributes } from '../../core/table/zones.ts';
import { metadataServers } from '../../core/zones/metadata.ts';
import { zoneOfNodeLabels } from '../../core/zones/node-labels.ts';
import { addressesOfThisHost, type OwnNodeOptions, zoneOfOwnNode } from '../../core/zones/own-node.ts';
import { type ZoneSource, zonesOfPrefixes } from '../../core/zones/zone-source.ts';
import { problemsOf, schema, type ZoneConfig } from './config.ts';

export default defineProcessor<ZoneConfig>({
  type: 'zone',
  stability: 'alpha',
  description: 'Names the availability zone and region of each end of a flow, and tells flows between zones apart.',
  needs: ['src.address', 'dst.address'],
  adds: zoneAttributes,
  consumes: 'flows',
  produces: 'same',
  config: schema,
  validate: problemsOf,
  create: (config, host) =>
    createZone(
      config,
      sourcesOf(config, host, { servers: metadataServers, addresses: addressesOfThisHost, stores: sharedStores }),
    ),
});

/** In the order in which they are asked: what is known of one address comes before what is known of a range. */
export function sourcesOf(
  { node_labels, cloud, cidrs }: ZoneConfig,
  host: Host,
  { stores, ...surroundings }: Pick<OwnNodeOptions, 'servers' | 'addresses'> & { readonly stores: SharedStores },
): readonly ZoneSource[] {
  const { clock, logger } = host;
  const labelled = node_labels.zone !== '' || node_labels.region !== '';
  const nodes = labelled ? [zoneOfNodeLabels({ ...node_labels, stores, host })] : [];
  const ownNode = cloud === 'off' ? [] : [zoneOfOwnNode({ cloud, clock, logger, ...surroundings })];
  const ranges = cidrs.map(({ cidr, zone, region }) => ({ cidr, place: region === '' ? { zone } : { zone, region } }));
  return [...nodes, ...ownNode, zonesOfPrefixes(ranges)];
}

export function createZone({ unknown_zones }: ZoneConfig, sources: readonly ZoneSource[]): Processor {
  const dimensions = createLiveDimensions();
  const addZones = createZones({
    countUnknown: unknown_zones === 'count',
    placeOf(endpoints, endpoint) {
      for (const source of sources) {
        const place = source.placeOf(endpoints, endpoint);
        if (place !== undefined) return place;
      }
      return undefined;
    },
  });
  return {
    flows(table) {
      dimensions.see(table.ends.endpoints);
      for (const source of sources) source.look?.();
      return [addZones(table)];
    },
    explain: {
      source(table, row, attribute) {
        const endpoint = endpointOfAttribute(table, row, attribute);
        if (endpoint === undefined) return 'the zones and regions of both ends';
        const { endpoints } = table.ends;
        const source = sources.find((one) => one.placeOf(endpoints, endpoint) !== undefined);
        return source?.explain?.(endpoints, endpoint);
      },
    },
    async start() {
      await Promise.all(sources.map((source) => source.start?.(dimensions)));
    },
    async stop() {
      await Promise.all(sources.map((source) => source.stop?.()));
    },
  };
}
