/** Service accounts of a real API server: their tokens, and the permissions that an agent says it lacks. */

import { parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../support/kubernetes-objects.ts';
import type { ApiServer } from './api-server.ts';

const SECONDS = 600;

export interface ServiceAccount {
  /** A new token; the one before ends with it. */
  next(): Promise<string>;
}

/** A new account without any permission. */
export async function openServiceAccount(api: ApiServer, name: string): Promise<ServiceAccount> {
  await api.create({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } });
  let tokens = 0;
  let holder: KubernetesObject | undefined;
  return {
    async next() {
      const metadata = { name: `${name}-token-${++tokens}`, namespace: 'default' };
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata };
      const { uid } = (await api.create(secret)).metadata;
      // A token ends when the Secret that it is bound to is deleted.
      const bound = { kind: 'Secret', apiVersion: 'v1', name: metadata.name, uid };
      const spec = { audiences: ['https://kubernetes.default.svc'], expirationSeconds: SECONDS, boundObjectRef: bound };
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
      const made = await api.request('POST', `api/v1/namespaces/default/serviceaccounts/${name}/token`, body);
      if (holder !== undefined) await api.delete(holder);
      holder = secret;
      return (made.status as { readonly token: string }).token;
    },
  };
}

/** Applies the YAML of an error about permissions as it stands. */
export async function applyLogged(api: ApiServer, report: string): Promise<void> {
  const from = report.indexOf('apiVersion:');
  const yaml = report.slice(from, report.indexOf('   [', from));
  for (const document of parseAllDocuments(yaml)) await api.create(document.toJS() as KubernetesObject);
}
