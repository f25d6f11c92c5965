/**
 * Asks the metadata service of a cloud for the zone and region of this machine, in the words that the cloud's Kubernetes
 * nodes carry as labels, and for the name of its Kubernetes cluster. AWS: instance metadata version 2. Google Cloud:
 * `instance/zone`, `instance/attributes/cluster-name`. Azure: `instance/compute`.
 */

import type { Place } from '../table/zones.ts';

export type Cloud = 'aws' | 'gcp' | 'azure';

/** Base of each metadata service: the link-local address that the three share, so that no name has to be resolved. */
export type MetadataServers = Readonly<Record<Cloud, string>>;

const LINK_LOCAL = 'http://169.254.169.254';
export const metadataServers: MetadataServers = { aws: LINK_LOCAL, gcp: LINK_LOCAL, azure: LINK_LOCAL };

const REQUEST_TIMEOUT_MS = 1000;
const AWS_TOKEN_SECONDS = '60';
const AZURE_API_VERSION = '2021-02-01';
/** When several answer, the first of these counts. */
const order: readonly Cloud[] = ['aws', 'gcp', 'azure'];

const readers: Readonly<Record<Cloud, (server: string) => Promise<Place>>> = { aws, gcp, azure };

/** The place of this machine. Rejects with the reason when the service, or with `auto` every one, does not know it. */
export async function placeFromMetadata(cloud: Cloud | 'auto', servers: MetadataServers): Promise<Place> {
  if (cloud !== 'auto') return readers[cloud](servers[cloud]);
  // All at once, so that a machine in no cloud waits for one round of timeouts and not for three.
  const answers = await Promise.allSettled(order.map((one) => readers[one](servers[one])));
  const known = answers.find((answer) => answer.status === 'fulfilled');
  if (known !== undefined) return known.value;
  const reasons = answers.map(
    (answer, at) => `${order[at]}: ${answer.status === 'rejected' ? reasonOf(answer.reason) : ''}`,
  );
  throw new Error(reasons.join('; '));
}

const clusterReaders: Readonly<Record<Cloud, (server: string) => Promise<string>>> = {
  aws: clusterOfAws,
  gcp: (server) => readGoogle(server, 'attributes/cluster-name'),
  azure: clusterOfAzure,
};

/** The Kubernetes cluster of this machine. Rejects with the reason when the service does not know it. */
export async function clusterFromMetadata(cloud: Cloud, servers: MetadataServers): Promise<string> {
  const name = await clusterReaders[cloud](servers[cloud]);
  if (!/^[\w.-]+$/.test(name)) throw new Error(`not a cluster: ${shortened(name)}`);
  return name;
}

/** Only where tags are shown to the machine (InstanceMetadataTags), and the node is of a managed group. */
async function clusterOfAws(server: string): Promise<string> {
  const headers = await awsSession(server);
  const tag = (key: string) => read(`${server}/latest/meta-data/tags/instance/${key}`, { headers });
  return tag('eks:cluster-name').catch(() => tag('aws:eks:cluster-name'));
}

/** The nodes of a cluster are in a group of their own: MC_group_cluster_location. */
async function clusterOfAzure(server: string): Promise<string> {
  const { resourceGroupName } = await azureCompute(server);
  const parts = typeof resourceGroupName === 'string' ? resourceGroupName.split('_') : [];
  const cluster = parts.length >= 4 && /^mc$/i.test(parts[0]!) ? parts.at(-2) : undefined;
  if (cluster === undefined) throw new Error(`${resourceGroupName} is not the group of a cluster's nodes`);
  return cluster;
}

async function awsSession(server: string): Promise<Readonly<Record<string, string>>> {
  const token = await read(`${server}/latest/api/token`, {
    method: 'PUT',
    headers: { 'x-aws-ec2-metadata-token-ttl-seconds': AWS_TOKEN_SECONDS },
  });
  return { 'x-aws-ec2-metadata-token': token };
}

async function aws(server: string): Promise<Place> {
  const headers = await awsSession(server);
  const [zone, region] = await Promise.all(
    ['availability-zone', 'region'].map((what) => read(`${server}/latest/meta-data/placement/${what}`, { headers })),
  );
  return placeOf(zone, region);
}

const readGoogle = (server: string, what: string) =>
  read(
    `${server}/computeMetadata/v1/instance/${what}`,
    { headers: { 'metadata-flavor': 'Google' } },
    // So that a server which answers everything is not taken for Google's.
    (response) => response.headers.get('metadata-flavor') === 'Google',
  );

async function gcp(server: string): Promise<Place> {
  const text = await readGoogle(server, 'zone');
  const zone = /^projects\/[^/]+\/zones\/([a-z0-9-]+)$/.exec(text)?.[1];
  if (zone === undefined) throw new Error(`not a zone: ${shortened(text)}`);
  return placeOf(zone, zone.replace(/-[^-]+$/, ''));
}

async function azureCompute(server: string): Promise<Readonly<Record<string, unknown>>> {
  const url = `${server}/metadata/instance/compute?api-version=${AZURE_API_VERSION}&format=json`;
  const text = await read(url, { headers: { metadata: 'true' } });
  const compute: unknown = JSON.parse(text);
  if (typeof compute !== 'object' || compute === null) throw new Error(`not a machine: ${shortened(text)}`);
  return { ...compute };
}

async function azure(server: string): Promise<Place> {
  const { location, zone } = await azureCompute(server);
  if (typeof location !== 'string') throw new Error('it has no location');
  // A zone is a digit, and only together with the region the name that the labels of nodes have.
  return placeOf(typeof zone === 'string' && zone !== '' ? `${location}-${zone}` : '', location);
}

function placeOf(zone = '', region = ''): Place {
  // A server that answers everything, such as a captive portal, answers with pages.
  const odd = [zone, region].find((name) => name !== '' && !/^[a-z0-9-]+$/i.test(name));
  if (odd !== undefined) throw new Error(`not a zone: ${shortened(odd)}`);
  if (zone === '' && region === '') throw new Error('it knows neither zone nor region');
  return { ...(zone === '' ? {} : { zone }), ...(region === '' ? {} : { region }) };
}

async function read(url: string, request: RequestInit, isRight = (_: Response) => true): Promise<string> {
  const response = await fetch(url, { ...request, redirect: 'error', signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
  const text = (await response.text()).trim();
  if (!response.ok) throw new Error(`status ${response.status}`);
  if (!isRight(response)) throw new Error('the answer is not from this cloud');
  return text;
}

const shortened = (text: string) => JSON.stringify(text.slice(0, 80));

/** fetch says "fetch failed" and keeps the reason behind it. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? error.cause.message : error.message;
}
