// long: one server and store for all, and a test for each way to fail

import test, { type ExecutionContext } from 'ava';
import {
  type Fault,
  failWith,
  type KubernetesApi,
  openKubernetesApi,
  pass,
  reset,
  silence,
  statusBody,
} from '../../test/support/kubernetes-api.ts';
import { followCluster } from '../../test/support/kubernetes-harness.ts';
import { node, pod, service } from '../../test/support/kubernetes-objects.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { until } from '../../test/support/until.ts';
import { PAGE_MS, PAGE_SILENCE_MS, WATCH_SILENCE_MS } from './follow.ts';

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => pod({ name: `pod-${i}`, ips: [`10.1.${i >> 8}.${i & 255}`] }));

/** A server with `pods` pods and a store beside it, on a clock of the test. */
async function open(t: ExecutionContext, { pods = 1, before = (_api: KubernetesApi) => {} } = {}) {
  const api = await openKubernetesApi();
  t.teardown(() => api.close());
  for (const each of numbered(pods)) api.put(each);
  before(api);
  const clock = createManualClock(BigInt(Date.now()) * 1_000_000n);
  const followed = followCluster({ url: api.url, clock });
  t.teardown(() => followed.stop());
  const nowMs = () => Number(clock.nowNs() / 1_000_000n);
  const nameAt = (address: string) => followed.store.identityAt(address, nowMs())?.name;
  const size = () => [...followed.store.pods()].length;
  /** Moves the time on by steps until it is so. */
  const comes = (what: string, reached: () => boolean, stepMs = 500) =>
    until(what, () => {
      if (reached()) return true;
      clock.advance(stepMs);
      return false;
    });
  const asked = (verb: string, resource = 'pods') =>
    api.requests.filter((each) => each.verb === verb && each.resource === resource);
  const failed = (reason: string, verb = 'list', resource = 'pods') => {
    const labels = `reason="${reason}",resource="${resource}",verb="${verb}"`;
    return followed.host.metric('otelcol_kubernetes_request_failures_total', labels) ?? 0;
  };
  const watched = () => comes('all is watched', () => api.watches === 4);
  return { api, clock, ...followed, nameAt, size, comes, asked, failed, watched };
}

test('a list is read in pages of a hundred, and watched from the version of the list', async (t) => {
  const { size, asked, watched, api } = await open(t, { pods: 250 });
  await watched();
  t.is(size(), 250);
  const lists = asked('list');
  t.deepEqual(
    lists.map(({ query }) => query.get('limit')),
    ['100', '100', '100'],
  );
  t.is(lists.filter(({ query }) => query.has('continue')).length, 2);
  const [{ query }] = asked('watch') as [ReturnType<typeof asked>[0]];
  t.is(query.get('resourceVersion'), '251');
  t.is(query.get('allowWatchBookmarks'), 'true');
  const seconds = Number(query.get('timeoutSeconds'));
  t.true(seconds >= 300 && seconds < 600);
  t.deepEqual(
    new Set(api.requests.map(({ resource }) => resource)),
    new Set(['nodes', 'services', 'endpointslices', 'pods']),
  );
});

test('a version that is too old is a 410 in the stream: the list begins anew, and what is gone by then is gone', async (t) => {
  const { api, comes, watched, nameAt, failed, said } = await open(t, { pods: 2 });
  await watched();
  api.endWatches('reset');
  api.delete(pod({ name: 'pod-0' }));
  api.put(pod({ name: 'later', ips: ['10.1.9.9'] }));
  api.compact();
  await comes('the new pod is known', () => nameAt('10.1.9.9') === 'later');
  t.true(failed('gone', 'watch') > 0);
  await comes('the deleted one is forgotten', () => nameAt('10.1.0.0') === undefined, 10_000);
  t.is(nameAt('10.1.0.1'), 'pod-1');
  t.false(said('warn').some((message) => message.includes('gone')));
});

test('what was deleted and made again under its name while nobody watched is the new one', async (t) => {
  const before = (api: KubernetesApi) => {
    api.put(node({ name: 'node-a', ips: ['192.168.0.1'] }));
    api.put(service({ name: 'front', clusterIps: ['10.96.0.1'], ports: [{ port: 80, nodePort: 30_080 }] }));
  };
  const { api, comes, watched, store, nameAt, clock } = await open(t, { before });
  await watched();
  api.endWatches('reset');
  for (const gone of [node({ name: 'node-a', ips: [] }), service({ name: 'front' })]) api.delete(gone);
  before(api);
  api.put(node({ name: 'node-a', ips: ['192.168.0.2'] }));
  api.compact();
  await comes('the new node is known', () => nameAt('192.168.0.2') === 'node-a');
  const dialled = () => store.serviceAt('192.168.0.2', 30_080, 'TCP', Number(clock.nowNs() / 1_000_000n))?.name;
  await comes('what is gone is forgotten', () => nameAt('192.168.0.1') === undefined, 10_000);
  t.is(store.node('node-a')?.ip, '192.168.0.2');
  t.is(dialled(), 'front');
});

test('a page that expired begins the list anew with larger pages', async (t) => {
  const { size, asked, comes, failed } = await open(t, {
    pods: 250,
    before: (api) => api.fail('pods', 'list', pass, failWith(410)),
  });
  await comes('all are known', () => size() === 250);
  t.is(failed('gone'), 1);
  t.deepEqual(
    asked('list').map(({ query }) => query.get('limit')),
    ['100', '100', '500'],
  );
});

test('a page that fails is asked for again, not the whole list', async (t) => {
  const faults = [failWith(500), reset, failWith(503)];
  const { size, asked, comes, failed, api } = await open(t, { pods: 150 });
  api.fail('pods', 'list', ...faults);
  await comes('all are known', () => size() === 150);
  t.true(asked('list').length >= 5);
  t.is(failed('server_error'), 2);
  t.is(failed('unreachable'), 1);
  t.is(asked('list').filter(({ query }) => query.has('continue')).length, 1);
});

test('a watch that breaks goes on from the last event, without a list', async (t) => {
  const { api, asked, comes, watched, nameAt } = await open(t);
  await watched();
  for (const how of ['reset', 'ended'] as const) {
    const version = api.put(pod({ name: how, ips: [`10.1.8.${how.length}`] })).metadata.resourceVersion;
    await until('it is known', () => nameAt(`10.1.8.${how.length}`) === how);
    const before = asked('watch').length;
    api.endWatches(how);
    await comes('it watches again', () => asked('watch').length > before);
    t.is(asked('watch').at(-1)?.query.get('resourceVersion'), version);
    await watched();
  }
  t.is(asked('list').length, 1);
});

test('where only bookmarks come, the watch goes on from the last of them', async (t) => {
  const { api, asked, comes, watched } = await open(t);
  await watched();
  const { metadata } = api.put(node({ name: 'node-a', ips: ['192.168.0.1'] }));
  api.bookmark();
  api.endWatches('ended');
  await comes('it watches again', () => asked('watch').length === 2);
  t.is(asked('watch')[1]?.query.get('resourceVersion'), metadata.resourceVersion);
  t.is(asked('list').length, 1);
});

test('a watch that stays silent is given up, and after two of them the list begins anew', async (t) => {
  const { asked, comes, watched, failed, api } = await open(t);
  await watched();
  await comes('it watches again', () => asked('watch').length === 2, WATCH_SILENCE_MS / 20);
  t.is(failed('silent', 'watch'), 1);
  t.is(asked('list').length, 1);
  await comes('it lists again', () => asked('list').length === 2, WATCH_SILENCE_MS / 20);
  await watched();
  t.is(api.watches, 4);
});

test('a server that says nothing at all is left, and asked again', async (t) => {
  const { comes, nameAt, failed, api } = await open(t, { before: (each) => each.fail('pods', 'list', silence) });
  await comes('the pod is known', () => nameAt('10.1.0.0') === 'pod-0', PAGE_SILENCE_MS / 60);
  t.is(failed('silent'), 1);
  t.is(api.requests.filter(({ resource }) => resource === 'nodes').length > 0, true);
});

test('a page that never ends is left, and asked for again', async (t) => {
  const trickle: Fault = (response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write(' '), 5);
    response.on('close', () => clearInterval(timer));
  };
  const { comes, nameAt, failed } = await open(t, { before: (api) => api.fail('pods', 'list', trickle) });
  await comes('the pod is known', () => nameAt('10.1.0.0') === 'pod-0', PAGE_MS / 60);
  t.is(failed('endless'), 1);
});

test('a list that leads back to the same page begins anew', async (t) => {
  const loop: Fault = (response) =>
    void response
      .writeHead(200)
      .end('{"kind":"List","metadata":{"resourceVersion":"7","continue":"again"},"items":[]}');
  const { comes, nameAt, failed } = await open(t, { before: (api) => api.fail('pods', 'list', loop, loop) });
  await comes('the pod is known', () => nameAt('10.1.0.0') === 'pod-0');
  t.is(failed('endless'), 1);
});

test('answers that are no Kubernetes are counted and tried again', async (t) => {
  const answers = ['<html>proxy</html>', '{"kind":"List","items":[', '{"items":[]}', ''];
  const faults = answers.map(
    (body): Fault =>
      (response) =>
        void response.writeHead(200).end(body),
  );
  const { api, comes, nameAt, failed, watched } = await open(t, {
    before: (each) => each.fail('pods', 'list', ...faults),
  });
  await comes('the pod is known', () => nameAt('10.1.0.0') === 'pod-0');
  t.is(failed('malformed'), 4);
  await watched();
  for (const line of [
    'not an event\n',
    '{"type":"ADDED"}\n',
    `{"type":"ERROR","object":${statusBody(500, 'sick')}}\n`,
  ]) {
    const before = api.requests.length;
    api.say('pods', line);
    await comes('it watches again', () => api.requests.length > before);
    await watched();
  }
  t.deepEqual([failed('malformed', 'watch'), failed('server_error', 'watch')], [2, 1]);
  api.put(pod({ name: 'after', ips: ['10.1.9.1'] }));
  await until('events are taken again', () => nameAt('10.1.9.1') === 'after');
});

test('a server that asks for patience gets it', async (t) => {
  const { clock, asked, comes, failed } = await open(t, {
    before: (api) => api.fail('pods', 'list', failWith(429, 'slow down', { 'retry-after': '25' })),
  });
  await until('it is told to wait', () => failed('throttled') === 1);
  await clock.untilSleeping(25_000);
  clock.advance(24_999);
  t.is(asked('list').length, 1);
  await comes('it asks again', () => asked('list').length === 2);
});

test('a cluster that disappears leaves the last names in use, and says so once, and that it is back', async (t) => {
  const { api, comes, watched, nameAt, said, store } = await open(t);
  await watched();
  const outage = Array.from({ length: 8 }, () => failWith(500, 'etcd is away'));
  for (const resource of ['pods', 'nodes', 'services', 'endpointslices']) api.fail(resource, 'watch', ...outage);
  api.endWatches('reset');
  await comes('it fails', () => store.health.failing);
  t.is(nameAt('10.1.0.0'), 'pod-0');
  await comes('all is watched again', () => api.watches === 4, 5000);
  t.deepEqual(said('warn'), ['the Kubernetes API fails; names known so far stay in use']);
  await comes('all is well', () => !store.health.failing);
  t.deepEqual(said('info'), ['the Kubernetes API answers again']);
});

test('what an account may not read is named with the role to apply, the rest works, and a grant heals it', async (t) => {
  const { api, comes, said, store, nameAt, watched } = await open(t, {
    before: (each) => void each.forbidden.add('nodes').add('endpointslices'),
  });
  t.is(await store.health.waitForSync(60_000), 'incomplete');
  t.deepEqual(store.health.forbidden, new Set(['nodes', 'endpointslices']));
  t.is(nameAt('10.1.0.0'), 'pod-0');
  const errors = said('error');
  t.is(errors.length, 2);
  t.regex(errors[0]!, /^the Kubernetes account may not list nodes: nodes is forbidden/);
  t.regex(errors[0]!, /apiGroups: \[""\]\n {4}resources: \[pods, nodes, services\]\n {4}verbs: \[get, list, watch\]/);
  t.regex(errors[0]!, /kind: ServiceAccount\n {4}namespace: monitoring\n {4}name: weir/);
  api.forbidden.clear();
  await comes('all may be read', () => store.health.forbidden.size === 0);
  await watched();
  t.is(said('error').length, 2, 'said once for each');
});
