import test from 'ava';
import { followCluster } from '../support/kubernetes-harness.ts';
import { pod } from '../support/kubernetes-objects.ts';
import { until } from '../support/until.ts';
import { startApiServer } from './api-server.ts';

test('a server that is killed and comes back on its folder is followed on, and names stay in use meanwhile', async (t) => {
  const api = await startApiServer();
  t.teardown(() => api.stop());
  const headers = () => ({ authorization: `Bearer ${api.adminToken}` });
  const { store, said, stop } = followCluster({ url: api.url, headers, tls: { ca: api.ca() } });
  t.teardown(stop);
  t.is(await store.health.waitForSync(30_000), 'synced');
  const nameAt = (address: string) => store.identityAt(address, Date.now())?.name;
  await api.create(pod({ name: 'before', node: 'node-a', ips: ['10.244.0.1'] }));
  await api.create(pod({ name: 'leaving', node: 'node-a', ips: ['10.244.0.2'] }));
  await until('both are known', () => nameAt('10.244.0.1') === 'before' && nameAt('10.244.0.2') === 'leaving');

  await api.kill();
  await until('the loss is noticed', () => store.health.failing);
  t.is(nameAt('10.244.0.1'), 'before');
  t.is(said('warn').length, 1);

  await api.restart();
  await api.delete(pod({ name: 'leaving' }));
  await api.create(pod({ name: 'after', node: 'node-a', ips: ['10.244.0.3'] }));
  await until('the new pod is known', () => nameAt('10.244.0.3') === 'after');
  await until('the deleted one is known to be', () => store.podByName('default', 'leaving') === undefined);
  t.is(nameAt('10.244.0.1'), 'before');
  await until('all is well', () => !store.health.failing);
  t.is(said('info').at(-1), 'the Kubernetes API answers again');
});
