/** The one thing of a cluster that is the same for all its life and differs from every other's. */

import type { ApiClient } from './api-client.ts';
import { createPageBuffer } from './body.ts';
import { RequestFailure } from './failure.ts';
import { PAGE_SILENCE_MS } from './follow.ts';
import { object, readJson, text } from './json-scan.ts';

const namespace = object({ metadata: object({ uid: text }) });

/** The uid of the namespace kube-system, by one request; needs `get` on namespaces. Throws a RequestFailure. */
export async function readClusterUid(client: ApiClient, signal: AbortSignal): Promise<string> {
  const page = createPageBuffer();
  await client.get('/api/v1/namespaces/kube-system', {
    signal,
    silenceMs: PAGE_SILENCE_MS,
    onOpen: () => {},
    onData: page.append,
  });
  const uid = readJson(page.bytes(), namespace)?.metadata?.uid;
  if (uid === undefined) throw new RequestFailure('malformed', 'the answer is no namespace');
  return uid;
}
