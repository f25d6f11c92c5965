/** Names of network namespaces that an agent finds and nobody else does. */

import type { NetworkNamespace } from '../support/network-namespace.ts';

/** A file that is the namespace, as long as a process lives there: the other name of it, for the agent's folder. */
export function fileOf(namespace: NetworkNamespace): string {
  return `/proc/${namespace.spawn('sleep', ['infinity'], { stdio: 'ignore' }).pid}/ns/net`;
}

/** A line of shell that gives a namespace this name. */
export const naming = (name: string, file: string) =>
  `touch /run/netns/${name} && mount --bind ${file} /run/netns/${name}`;

/** The host's namespace, where a process sees these names and no others. */
export function seeing(host: NetworkNamespace, names: Readonly<Record<string, NetworkNamespace>>): NetworkNamespace {
  const named = Object.entries(names).map(([name, namespace]) => naming(name, fileOf(namespace)));
  const script = ['mount -t tmpfs none /run/netns', ...named, 'exec "$@"'].join(' && ');
  return {
    ...host,
    spawn: (command, args, options) => host.spawn('sh', ['-c', script, 'sh', command, ...args], options),
  };
}
