/** Who sends: the resource attributes of this agent, found once at start. */

import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { AttributeValue } from '../../core/table/dictionary.ts';
import { type Resource, resourceOf } from '../../core/table/resource.ts';
import type { Logger } from '../../core/telemetry/log.ts';
import type { EbpfNetworkConfig } from './config.ts';
import { fullHostName, hostNameSources } from './host-name.ts';

export type ResourceConfig = Pick<EbpfNetworkConfig, 'instance_id' | 'resource_attributes'>;

export interface ResourceSources {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** With its domain where that is known and wanted. */
  readonly hostName: string;
  /** Of systemd or D-Bus; undefined when the host has none. */
  readonly machineId: string | undefined;
  /** Of the receiver: two receivers on one host are two instances. */
  readonly receiverId: string;
}

/**
 * OTEL_RESOURCE_ATTRIBUTES wins over what is found, OTEL_SERVICE_NAME over both, as the OpenTelemetry specification has
 * it; the configuration wins over all. The instance's id is derived, so that series go on after a restart.
 */
export function agentResource(config: ResourceConfig, sources: ResourceSources, logger: Logger): Resource {
  const { environment, hostName, machineId, receiverId } = sources;
  const override = config.instance_id.override_hostname;
  const hostId = machineId ?? hostName;
  const node = environment.NODE_NAME;
  const serviceName = environment.OTEL_SERVICE_NAME;
  const attributes: Record<string, AttributeValue> = {
    'service.name': 'weir',
    'service.instance.id': instanceId(override || hostId, receiverId),
    'host.id': hostId,
    'host.name': override || hostName,
    ...(node ? { 'k8s.node.name': node } : {}),
    ...attributesOf(environment.OTEL_RESOURCE_ATTRIBUTES ?? '', logger),
    ...(serviceName ? { 'service.name': serviceName } : {}),
  };
  for (const [name, value] of config.resource_attributes) {
    if (typeof value !== 'object') attributes[name] = value;
    else if (!value.enabled) delete attributes[name];
  }
  return resourceOf(attributes);
}

/** `address` is the agent's own, by which the DNS is asked for its name. */
export async function resourceSources(
  { instance_id: { dns, override_hostname } }: ResourceConfig,
  receiverId: string,
  address: string | undefined,
): Promise<ResourceSources> {
  const asks = dns && override_hostname === '';
  const hostName = asks ? await fullHostName(await hostNameSources(hostname(), address)) : hostname();
  return { environment: process.env, hostName, machineId: await readMachineId(), receiverId };
}

async function readMachineId(): Promise<string | undefined> {
  for (const file of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    // Containers often have neither, and an image may hold an empty one.
    const id = await readFile(file, 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
    if (id !== '') return id;
  }
  return undefined;
}

/** In the form of a UUID of version 8 (RFC 9562), whose bits are the maker's. */
function instanceId(hostId: string, receiverId: string): string {
  const hash = createHash('sha256').update(`${hostId}\n${receiverId}`).digest();
  hash[6] = (hash.readUInt8(6) & 0x0f) | 0x80;
  hash[8] = (hash.readUInt8(8) & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `key=value,key=value` with percent-encoded values; the specification has the whole list dropped when it is wrong. */
function attributesOf(list: string, logger: Logger): Record<string, string> {
  const pairs = list.split(',').filter((pair) => pair.trim() !== '');
  try {
    return Object.fromEntries(
      pairs.map((pair) => {
        const [, key, value] = /^\s*([^=\s]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
        if (key === undefined || value === undefined) throw new URIError(`not a pair: ${pair}`);
        return [key, decodeURIComponent(value)];
      }),
    );
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    logger.warn('OTEL_RESOURCE_ATTRIBUTES is left out: it is not a list of key=value pairs.', { error });
    return {};
  }
}
