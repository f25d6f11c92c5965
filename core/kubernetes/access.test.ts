import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createCertificate } from '../../test/support/certificate.ts';
import { openKubernetesApi } from '../../test/support/kubernetes-api.ts';
import { pod } from '../../test/support/kubernetes-objects.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import { until } from '../../test/support/until.ts';
import { WeirError } from '../errors.ts';
import { type AuthType, findCredentials, type Surroundings } from './access.ts';
import { WHOLE_CLUSTER } from './scope.ts';
import { AS_OTHERS, createSharedStores } from './shared-stores.ts';

const certificate = createCertificate('IP:127.0.0.1');
const other = createCertificate('IP:127.0.0.1');
const connection = (authType: AuthType, kubeConfigPath = '', context = '') => ({ authType, kubeConfigPath, context });

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'weir-account-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A server that lets one token in, and a pod's surroundings that lead to it. */
async function open(t: ExecutionContext) {
  const api = await openKubernetesApi(certificate);
  t.teardown(() => api.close());
  api.tokens = new Set(['first']);
  api.put(pod({ name: 'web', ips: ['10.1.0.1'] }));
  const folder = temporaryFolder(t);
  const write = (name: string, text: string) => writeFileSync(path.join(folder, name), text);
  write('token', 'first\n');
  write('ca.crt', certificate.cert);
  const clock = createManualClock(BigInt(Date.now()) * 1_000_000n);
  const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) };
  const surroundings: Surroundings = { serviceAccountFolder: folder, environment, clock };
  const host = createRecordingHost('k8s_attributes', clock);
  const stores = createSharedStores(surroundings);
  /** A store of its own, following, and how a pod's name is asked from it. */
  async function follow(how = connection('serviceAccount'), scope = WHOLE_CLUSTER) {
    const lease = stores.request({ connection: how, scope }, host);
    t.teardown(() => lease.stop());
    const reader = await lease.start();
    const nameAt = (address: string) => reader?.identityAt(address, Number(clock.nowNs() / 1_000_000n))?.name;
    return { lease, reader, nameAt };
  }
  const comes = (what: string, reached: () => boolean) =>
    until(what, () => {
      if (reached()) return true;
      clock.advance(500);
      return false;
    });
  return { api, write, folder, clock, surroundings, host, stores, follow, comes };
}

function kubeConfig(server: string, user: object): string {
  const data = Buffer.from(certificate.cert).toString('base64');
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { server, 'certificate-authority-data': data } }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'main', context: { cluster: 'c', user: 'u' } },
      { name: 'lost', context: { cluster: 'nowhere', user: 'u' } },
    ],
    'current-context': 'main',
  });
}

test('a pod finds the API by its service account, and checks its certificate', async (t) => {
  const { follow, comes, write, host } = await open(t);
  const first = await follow();
  await comes('the pod is known', () => first.nameAt('10.1.0.1') === 'web');
  await first.lease.stop();
  write('ca.crt', other.cert);
  const second = await follow();
  await comes('it fails', () => second.reader?.health.failing === true);
  t.is(second.nameAt('10.1.0.1'), undefined);
  t.true(host.log.some(({ fields }) => /certificate/.test(String(fields.error))));
  write('ca.crt', certificate.cert);
  await comes('the pod is known again', () => second.nameAt('10.1.0.1') === 'web');
});

test('a token that was renewed is read again as soon as the old one is refused', async (t) => {
  const { api, follow, comes, write } = await open(t);
  const { nameAt } = await follow();
  await comes('all is watched', () => api.watches === 4);
  write('token', 'second');
  api.tokens = new Set(['second']);
  api.endWatches('reset');
  await comes('all is watched again', () => api.watches === 4);
  api.put(pod({ name: 'later', ips: ['10.1.0.2'] }));
  await until('events come', () => nameAt('10.1.0.2') === 'later');
  t.is(api.requests.at(-1)?.token, 'second');
});

test('a kubeconfig logs in with a token, and is read again when it is refused', async (t) => {
  const { api, folder, write, follow, comes } = await open(t);
  write('config', kubeConfig(api.url, { token: 'first' }));
  const { nameAt } = await follow(connection('kubeConfig', path.join(folder, 'config'), 'main'));
  await comes('all is watched', () => api.watches === 4);
  t.is(nameAt('10.1.0.1'), 'web');
  api.tokens = new Set(['second']);
  write('config', kubeConfig(api.url, { token: 'second' }));
  api.endWatches('ended');
  await comes('all is watched again', () => api.watches === 4);
  t.is(api.requests.at(-1)?.token, 'second');
});

test('a kubeconfig logs in with a plugin', async (t) => {
  const { api, folder, write, follow, comes } = await open(t);
  const plugin = path.join(folder, 'plugin');
  const credential = {
    apiVersion: 'client.authentication.k8s.io/v1',
    kind: 'ExecCredential',
    status: { token: 'first' },
  };
  writeFileSync(plugin, `#!/bin/sh\necho '${JSON.stringify(credential)}'\n`);
  chmodSync(plugin, 0o755);
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: plugin, interactiveMode: 'Never' };
  write('config', kubeConfig(api.url, { exec }));
  const { nameAt } = await follow(connection('kubeConfig', path.join(folder, 'config')));
  await comes('the pod is known', () => nameAt('10.1.0.1') === 'web');
  t.is(api.requests.at(-1)?.token, 'first');
});

test('what is not there is an error that says what to do', async (t) => {
  const { api, folder, write, surroundings } = await open(t);
  write('config', kubeConfig(api.url, { token: 'first' }));
  write('broken', '{]');
  const config = path.join(folder, 'config');
  const cases = [
    [connection('kubeConfig', path.join(folder, 'absent')), surroundings, /absent {3}check kube_config_path/],
    [connection('kubeConfig', path.join(folder, 'broken')), surroundings, /broken {3}check kube_config_path/],
    [
      connection('kubeConfig', config, 'typo'),
      surroundings,
      /the context typo has no cluster\n.*write one of main, lost/,
    ],
    [connection('kubeConfig', config, 'lost'), surroundings, /the context lost has no cluster/],
    [
      connection('serviceAccount'),
      { ...surroundings, environment: {} },
      /KUBERNETES_SERVICE_HOST is not set\n.*kubeConfig/,
    ],
    [
      connection('serviceAccount'),
      { ...surroundings, serviceAccountFolder: '/nowhere' },
      /nowhere\/token\n.*ENOENT.*automount/,
    ],
  ] as const;
  for (const [how, where, text] of cases) {
    const error = await t.throwsAsync(findCredentials(how, where), { instanceOf: WeirError });
    t.is(error?.code, 'kubernetes/config');
    t.regex(error?.report() ?? '', text);
  }
});

test('autodetect takes the service account, else what KUBECONFIG names, else nothing', async (t) => {
  const { api, surroundings } = await open(t);
  const found = (await findCredentials(connection('autodetect'), surroundings))?.server;
  t.is(found, `https://127.0.0.1:${api.port}`);
  for (const where of [{ environment: {} }, { serviceAccountFolder: '/nowhere' }]) {
    t.is(await findCredentials(connection('autodetect'), { ...surroundings, ...where }), undefined);
  }
  const ipv6 = { ...surroundings, environment: { ...surroundings.environment, KUBERNETES_SERVICE_HOST: 'fd00::1' } };
  t.is((await findCredentials(connection('none'), ipv6))?.server, `https://[fd00::1]:${api.port}`);
});

test('all who ask for the same cluster share one store, which keeps what each of them needs', async (t) => {
  const { api, stores, host, comes } = await open(t);
  api.put(pod({ name: 'labelled', ips: ['10.1.0.3'], labels: { app: 'a', tier: 'b', other: 'c' } }));
  const keeping = (key: string) => {
    const wanted = { labels: { keys: [key], patterns: [] }, annotations: { keys: [], patterns: [] } };
    return { ...WHOLE_CLUSTER, keep: { ...WHOLE_CLUSTER.keep, pods: wanted } };
  };
  const wishes = [keeping('app'), keeping('tier'), WHOLE_CLUSTER];
  const leases = wishes.map((scope) => stores.request({ connection: connection('serviceAccount'), scope }, host));
  const readers = await Promise.all(leases.map((lease) => lease.start()));
  t.is(new Set(readers).size, 1);
  await comes('all is watched', () => api.watches === 4);
  t.deepEqual(readers[0]?.podByName('default', 'labelled')?.labels, { app: 'a', tier: 'b' });
  t.is(api.requests.filter(({ verb }) => verb === 'list').length, 4);

  const local = stores.request(
    { connection: connection('serviceAccount'), scope: { ...WHOLE_CLUSTER, localNode: 'n' } },
    host,
  );
  t.not(await local.start(), readers[0], 'other objects are another store');
  await local.stop();
  await leases[0]!.stop();
  await leases[0]!.stop();
  await leases[1]!.stop();
  await until('the other store has ended', () => api.watches === 4);
  t.is(readers[2]?.health.failing, false);
  await leases[2]!.stop();
  await until('nobody watches', () => api.watches === 0);
});

test('a store that finds no cluster is none, and stopping before starting is fine', async (t) => {
  const stores = createSharedStores({ environment: {}, serviceAccountFolder: '/nowhere' });
  const host = createRecordingHost('zone');
  const lease = stores.request({ connection: connection('autodetect'), scope: WHOLE_CLUSTER }, host);
  await lease.stop();
  t.is(await lease.start(), undefined);
  await lease.stop();
});

test('who asks for what others follow joins them, also when it starts first, and goes without where nobody asks', async (t) => {
  const { api, stores, host, follow: _ } = await open(t);
  const alone = createSharedStores({ environment: {}, serviceAccountFolder: '/nowhere' });
  const lonely = alone.request(AS_OTHERS, host);
  t.is(await lonely.start(), undefined);
  t.true(lonely.isAlone);
  await lonely.stop();

  const zone = stores.request(AS_OTHERS, host);
  const wish = { connection: connection('serviceAccount'), scope: WHOLE_CLUSTER };
  const names = stores.request(wish, host);
  const another = stores.request({ ...wish, scope: { ...WHOLE_CLUSTER, without: ['nodes'] } }, host);
  const reader = await zone.start();
  t.is(await names.start(), reader);
  t.not(await another.start(), reader);
  t.false(zone.isAlone);
  await Promise.all([names.stop(), another.stop()]);
  await until('the own store goes on', () => api.watches === 4);
  await zone.stop();
});
