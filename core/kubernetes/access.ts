/**
 * How the agent reaches the Kubernetes API: where the server is, whom to trust, and who it says it is. One of the pod's
 * own service account, a kubeconfig, or none.
 */

import type { SecureContextOptions } from 'node:tls';
import type { Clock } from '../telemetry/clock.ts';
import { kubeConfigCredentials } from './kube-config.ts';
import { anonymousCredentials, isInCluster, serviceAccountCredentials } from './service-account.ts';

/** Upstream's values, and our default. */
export const AUTH_TYPES = ['autodetect', 'serviceAccount', 'kubeConfig', 'none'] as const;
export type AuthType = (typeof AUTH_TYPES)[number];

export interface Connection {
  readonly authType: AuthType;
  /** With kubeConfig; empty: KUBECONFIG, then the user's default. */
  readonly kubeConfigPath: string;
  /** Of the kubeconfig; empty: its current one. */
  readonly context: string;
}

export interface Access {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: SecureContextOptions & { readonly servername?: string; readonly rejectUnauthorized?: boolean };
}

export interface Credentials {
  /** `https://10.96.0.1:443`, without a slash at the end. */
  readonly server: string;
  /** What the next request needs. Throws a WeirError when it cannot be had, now or for good. */
  access(): Promise<Access>;
  /** The server refused what `access` gave: next time everything is read afresh. */
  refuse(): void;
}

/** Where the pod's service account lies, and the environment; tests give their own. */
export interface Surroundings {
  readonly serviceAccountFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
}

export const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

/**
 * Undefined where `autodetect` finds no cluster: it takes the pod's service account, else a kubeconfig that KUBECONFIG
 * names. The user's own ~/.kube/config is not taken without being asked for: it may lead to another cluster.
 * Throws a WeirError for what was asked for and is not there.
 */
export async function findCredentials(
  connection: Connection,
  surroundings: Surroundings,
): Promise<Credentials | undefined> {
  switch (connection.authType) {
    case 'serviceAccount':
      return serviceAccountCredentials(surroundings);
    case 'kubeConfig':
      return kubeConfigCredentials(connection);
    case 'none':
      return anonymousCredentials(surroundings);
    case 'autodetect':
      if (await isInCluster(surroundings)) return serviceAccountCredentials(surroundings);
      return surroundings.environment.KUBECONFIG ? kubeConfigCredentials(connection) : undefined;
  }
}
