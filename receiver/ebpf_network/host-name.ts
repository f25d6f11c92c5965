/** The name of this host with its domain: what /etc/hosts or the DNS says of it, asked once at the start. */

import { readFile } from 'node:fs/promises';
import { createPointerLookup } from '../../core/dns/pointer-lookup.ts';

export interface HostNameSources {
  /** As the system has it, often without a domain. */
  readonly hostName: string;
  /** The text of /etc/hosts; empty when it cannot be read. */
  readonly hosts: string;
  /** The name under which the DNS knows the host's address; undefined when it says none, or nothing in time. */
  pointer(): Promise<string | undefined>;
}

/** The start waits for no longer than this for a name server that is silent. */
const DNS_TIMEOUT_MS = 500;

/** The system's name when nothing knows its domain. A name of another host is not taken. */
export async function fullHostName({ hostName, hosts, pointer }: HostNameSources): Promise<string> {
  if (hostName.includes('.')) return hostName;
  const isFull = (name: string) => name.toLowerCase().startsWith(`${hostName.toLowerCase()}.`);
  for (const line of hosts.split('\n')) {
    const names = line.replace(/#.*/, '').trim().split(/\s+/).slice(1);
    const full = names.includes(hostName) ? names.find(isFull) : undefined;
    if (full !== undefined) return full;
  }
  const name = await pointer();
  return name !== undefined && isFull(name) ? name : hostName;
}

export async function hostNameSources(hostName: string, address: string | undefined): Promise<HostNameSources> {
  const hosts = await readFile('/etc/hosts', 'utf8').catch(() => '');
  return {
    hostName,
    hosts,
    async pointer() {
      if (address === undefined) return undefined;
      const answer = await createPointerLookup({ servers: [], timeoutMs: DNS_TIMEOUT_MS }).lookUp(address);
      return answer.result === 'name' ? answer.name : undefined;
    },
  };
}
