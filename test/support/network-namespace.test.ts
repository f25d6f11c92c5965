import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from './network-namespace.ts';

test.after.always(removeNetworkNamespaces);

test('joins two namespaces so that both reach each other over IPv4 and IPv6 at once', (t) => {
  const [left, right] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { mtuBytes: 1400 });
  t.is(left.name, 'eth0');
  t.is(right.name, 'eth0');
  t.notThrows(() => left.namespace.run('ping', '-c1', '-W1', right.ipv4));
  t.notThrows(() => right.namespace.run('ping', '-c1', '-W1', left.ipv6));
  t.is(left.namespace.run('cat', '/sys/class/net/eth0/mtu').trim(), '1400');
  t.is(left.namespace.run('cat', '/sys/class/net/eth0/ifindex').trim(), String(left.index));
  t.is(left.namespace.run('cat', '/sys/class/net/eth0/address').trim(), left.mac);
});

test('turns segmentation offload off at both ends when asked to', (t) => {
  const ends = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { offload: false });
  for (const { namespace, name } of ends) {
    t.regex(namespace.run('ethtool', '-k', name), /^tcp-segmentation-offload: off/m);
  }
});

test('gives each further pair of a namespace the next interface', (t) => {
  const router = createNetworkNamespace();
  joinByVeth(router, createNetworkNamespace());
  const [second] = joinByVeth(router, createNetworkNamespace());
  t.is(second.name, 'eth1');
});

test('reads the counters of the kernel', (t) => {
  const [left, right] = joinByVeth(createNetworkNamespace(), createNetworkNamespace());
  const before = left.namespace.counters().get('Icmp.OutEchos')!;
  left.namespace.run('ping', '-c2', '-i0.01', '-W1', right.ipv4);
  t.is(left.namespace.counters().get('Icmp.OutEchos')! - before, 2);
  const { txBytes, txPackets } = left.namespace.statistics('eth0');
  t.true(txPackets >= 2);
  t.true(txBytes >= 2 * 98);
});

test('says what a failing command wrote to its standard error', (t) => {
  const namespace = createNetworkNamespace();
  t.throws(() => namespace.run('ip', 'link', 'show', 'nosuch0'), { message: /nosuch0/ });
  t.throws(() => namespace.statistics('nosuch0'), { message: /has no interface nosuch0/ });
});

test('ends what runs inside when a namespace is removed', async (t) => {
  const namespace = createNetworkNamespace();
  const child = namespace.spawn('sleep', ['60']);
  await once(child, 'spawn');
  const ended = once(child, 'exit');
  namespace.remove();
  namespace.remove();
  t.deepEqual(await ended, [null, 'SIGKILL']);
  t.false(readdirSync('/run/netns').includes(namespace.name));
});

test('removes its namespaces when the thread ends without doing so', async (t) => {
  const source = new URL('network-namespace.ts', import.meta.url).href;
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads';
     import { createNetworkNamespace } from ${JSON.stringify(source)};
     parentPort.postMessage(createNetworkNamespace().name);
     throw new Error('a test that fails');`,
    { eval: true, execArgv: ['--input-type=module'] },
  );
  // Not by once() of node:events, which takes the error for its own: it may be told before the message.
  const first = (event: string) => new Promise((resolve) => worker.once(event, resolve));
  const [name, error] = await Promise.all(['message', 'error', 'exit'].map(first));
  t.regex(String(name), /^weir-test-\d+-\d+-1$/);
  t.is((error as Error).message, 'a test that fails');
  t.false(readdirSync('/run/netns').includes(String(name)));
});
