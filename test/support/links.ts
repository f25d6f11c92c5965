/** The command `ip`, and the interfaces it tells of in a network namespace. */

import { execFileSync } from 'node:child_process';

/** Runs it to its end and returns its standard output; throws with its standard error if it fails. */
export function ip(...commandArguments: readonly string[]): string {
  return execFileSync('ip', commandArguments, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

interface LinkCounters {
  readonly bytes: number;
  readonly packets: number;
  readonly dropped: number;
}

interface Link {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly stats64: { readonly rx: LinkCounters; readonly tx: LinkCounters };
}

export function linkOf(namespaceName: string, interfaceName: string): Link {
  const link = linksOf(namespaceName).find(({ ifname }) => ifname === interfaceName);
  if (link === undefined) throw new Error(`${namespaceName} has no interface ${interfaceName}`);
  return link;
}

function linksOf(namespaceName: string): Link[] {
  return JSON.parse(ip('-n', namespaceName, '-json', '-statistics', 'link', 'show')) as Link[];
}

/** The first `ethN` that is free. */
export function nextInterfaceName(namespaceName: string): string {
  const taken = new Set(linksOf(namespaceName).map(({ ifname }) => ifname));
  let number = 0;
  while (taken.has(`eth${number}`)) number += 1;
  return `eth${number}`;
}
