/** A store that follows a server of the test, with a log that can be read and credentials that need no files. */

import type { Credentials } from '../../core/kubernetes/access.ts';
import { createApiClient } from '../../core/kubernetes/api-client.ts';
import { type Scope, WHOLE_CLUSTER } from '../../core/kubernetes/scope.ts';
import { createKubernetesStore, type KubernetesStore } from '../../core/kubernetes/store.ts';
import { type Clock, systemClock } from '../../core/telemetry/clock.ts';
import { createRecordingHost, type RecordingHost } from './recording-host.ts';

export interface FollowedStore {
  readonly store: KubernetesStore;
  readonly host: RecordingHost;
  /** Messages logged at a level. */
  said(level: string): readonly string[];
  stop(): Promise<void>;
}

export interface FollowOptions {
  readonly url: string;
  readonly headers?: () => Readonly<Record<string, string>>;
  readonly tls?: { readonly ca: string };
  readonly scope?: Partial<Scope>;
  readonly clock?: Clock;
}

export function followCluster({
  url,
  headers = () => ({}),
  tls = { ca: '' },
  scope,
  clock = systemClock,
}: FollowOptions): FollowedStore {
  const host = createRecordingHost('k8s_attributes', clock);
  const credentials: Credentials = {
    server: url,
    access: async () => ({ headers: headers(), tls: tls.ca === '' ? {} : tls }),
    refuse: () => {},
  };
  const client = createApiClient(credentials, clock, 'weir/test');
  const store = createKubernetesStore({ client, scope: { ...WHOLE_CLUSTER, ...scope }, ...host });
  const stopping = new AbortController();
  const ended = store.run(stopping.signal);
  return {
    store,
    host,
    said: (level) => host.log.filter((entry) => entry.level === level).map(({ message }) => message),
    async stop() {
      stopping.abort();
      await ended;
      client.close();
    },
  };
}
