/** The way to the API that every pod has: two environment variables and the files of its service account. */

import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { WeirError } from '../errors.ts';
import type { Access, Credentials, Surroundings } from './access.ts';

/** The kubelet renews a token long before it ends; it is read again this often, and at once when it was refused. */
const TOKEN_LIFE_MS = 60_000;

export async function isInCluster({ serviceAccountFolder, environment }: Surroundings): Promise<boolean> {
  if (!environment.KUBERNETES_SERVICE_HOST) return false;
  return access(path.join(serviceAccountFolder, 'token')).then(
    () => true,
    () => false,
  );
}

/** Throws a WeirError outside a cluster. Token and certificate are read anew while it runs: both are renewed. */
export async function serviceAccountCredentials(surroundings: Surroundings): Promise<Credentials> {
  const { serviceAccountFolder, clock } = surroundings;
  const server = serverOf(surroundings);
  let known: { readonly access: Access; readonly readMs: number } | undefined;
  async function read(): Promise<Access> {
    // One after the other: where nothing is mounted, the error names the same file each time.
    const token = await readAccountFile(serviceAccountFolder, 'token');
    const ca = await readAccountFile(serviceAccountFolder, 'ca.crt');
    return { headers: { authorization: `Bearer ${token.trim()}` }, tls: { ca } };
  }
  const credentials: Credentials = {
    server,
    async access() {
      if (known === undefined || clock.monotonicMs() - known.readMs >= TOKEN_LIFE_MS) {
        known = { access: await read(), readMs: clock.monotonicMs() };
      }
      return known.access;
    },
    refuse() {
      known = undefined;
    },
  };
  await credentials.access();
  return credentials;
}

/** Upstream's `none`: the cluster's server, no token, and whatever certificate it shows. */
export function anonymousCredentials(surroundings: Surroundings): Credentials {
  const access: Access = { headers: {}, tls: { rejectUnauthorized: false } };
  return { server: serverOf(surroundings), access: async () => access, refuse: () => {} };
}

function serverOf({ environment }: Surroundings): string {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  if (!host || !port) {
    const missing = host ? 'KUBERNETES_SERVICE_PORT' : 'KUBERNETES_SERVICE_HOST';
    throw new WeirError('kubernetes/config', `not in a Kubernetes cluster: ${missing} is not set`, {
      fix: 'run as a pod, or set auth_type to kubeConfig',
    });
  }
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

async function readAccountFile(folder: string, name: string): Promise<string> {
  const file = path.join(folder, name);
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new WeirError('kubernetes/config', `cannot read the service account: ${file}`, {
      fix: `${(cause as NodeJS.ErrnoException).code}: give the pod a service account with automountServiceAccountToken: true`,
      cause,
    });
  }
}
