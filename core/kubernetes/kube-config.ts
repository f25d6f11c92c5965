/**
 * The way to the API through a kubeconfig: certificates, tokens, exec plugins, OIDC. Only here is
 * `@kubernetes/client-node` loaded, and only when it is asked for: it costs half a second and 60 MiB.
 */

import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import path from 'node:path';
import { reportOf, WeirError } from '../errors.ts';
import type { Access, Connection, Credentials } from './access.ts';

/** Throws a WeirError for a file that cannot be read, is no kubeconfig, or lacks the context. */
export async function kubeConfigCredentials(connection: Connection): Promise<Credentials> {
  const { KubeConfig } = await import('@kubernetes/client-node');
  function load() {
    const config = new KubeConfig();
    attempt(connection, () => {
      if (connection.kubeConfigPath !== '') config.loadFromFile(connection.kubeConfigPath);
      else if (hasDefault()) config.loadFromDefault();
      else throw new Error('KUBECONFIG is not set, and there is no ~/.kube/config');
    });
    if (connection.context !== '') config.setCurrentContext(connection.context);
    const server = config.getCurrentCluster()?.server;
    if (server === undefined)
      throw noCluster(
        connection,
        config.getContexts().map(({ name }) => name),
      );
    return { config, server: server.replace(/\/+$/, '') };
  }
  let loaded: ReturnType<typeof load> | undefined = load();
  return {
    server: loaded.server,
    async access() {
      loaded ??= load();
      const options: RequestOptions = {};
      try {
        await loaded.config.applyToHTTPSOptions(options);
      } catch (cause) {
        throw wrong(connection, `cannot log in: ${reportOf(cause)}`, 'check the user of the kubeconfig', cause);
      }
      return accessOf(options);
    },
    // The file may have been written anew, and a plugin's token is kept by what was loaded.
    refuse() {
      loaded = undefined;
    },
  };
}

/** Without either, the package would take http://localhost:8080. */
const hasDefault = () => Boolean(process.env.KUBECONFIG) || existsSync(path.join(homedir(), '.kube/config'));

function accessOf({
  headers,
  auth,
  ca,
  cert,
  key,
  pfx,
  passphrase,
  servername,
  rejectUnauthorized,
}: RequestOptions): Access {
  const basic = auth == null ? {} : { authorization: `Basic ${Buffer.from(auth).toString('base64')}` };
  const tls = { ca, cert, key, pfx, passphrase, servername, rejectUnauthorized };
  const given = Object.entries(tls).filter(([, value]) => value !== undefined);
  return { headers: { ...(headers as Record<string, string>), ...basic }, tls: Object.fromEntries(given) };
}

function attempt(connection: Connection, load: () => void): void {
  try {
    load();
  } catch (cause) {
    throw wrong(connection, reportOf(cause), 'check kube_config_path, or KUBECONFIG when it is empty', cause);
  }
}

function noCluster(connection: Connection, contexts: readonly string[]): WeirError {
  const wanted = connection.context === '' ? 'the current context' : `the context ${connection.context}`;
  const fix = contexts.length === 0 ? 'name a kubeconfig that has one' : `write one of ${contexts.join(', ')}`;
  return wrong(connection, `${wanted} has no cluster`, fix);
}

function wrong({ kubeConfigPath }: Connection, message: string, fix: string, cause?: unknown): WeirError {
  const place = kubeConfigPath === '' ? {} : { place: kubeConfigPath };
  return new WeirError('kubernetes/config', `kubeconfig: ${message}`, { ...place, fix, cause });
}
