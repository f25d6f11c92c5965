/** What every flow table of this receiver says about where it comes from. */

import { networkInterfaces } from 'node:os';
import type { Host } from '../../core/component/define.ts';
import { scopeOf } from '../../core/table/resource.ts';
import { addressTowards, findAgentAddress } from './agent-address.ts';
import type { CollectorOptions } from './collect.ts';
import { type EbpfNetworkConfig, samplingOf } from './config.ts';
import { agentResource, resourceSources } from './resource.ts';

export async function originOf(
  config: EbpfNetworkConfig,
  { id, logger, build }: Host,
): Promise<CollectorOptions['origin']> {
  const sources = { interfaces: networkInterfaces(), addressTowards, path: `receivers::${id}` };
  const agentAddress = await findAgentAddress(config, sources);
  if (agentAddress === undefined) {
    const { agent_ip_iface, agent_ip_type } = config;
    logger.warn('This host has no such address: beyla.ip is absent.', { agent_ip_iface, agent_ip_type });
  }
  return {
    resource: agentResource(config, await resourceSources(config, id, agentAddress), logger),
    scope: scopeOf({ name: build.command, version: build.version }),
    metricNames: config.metric_names,
    features: config.features,
    everyInterface: config.deduper === 'none',
    carriers: config.tunnels !== 'inner',
    agentAddress,
    sampling: samplingOf(config),
  };
}
