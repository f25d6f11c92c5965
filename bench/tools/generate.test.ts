import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../../test/support/network-namespace.ts';

const generate = fileURLToPath(new URL('../../build/bench/generate', import.meta.url));

test.after.always(removeNetworkNamespaces);

interface Sent {
  readonly packets: number;
  readonly bytes: number;
  readonly dropped: number;
  readonly seconds: number;
}

function quietPair() {
  return joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
}

test('sends as many frames of 100 bytes as it says, at the rate asked for', (t) => {
  const [from, to] = quietPair();
  const said = JSON.parse(from.namespace.run(generate, 'eth0', '1000', '1', '20000')) as Sent;
  t.is(said.packets + said.dropped, 20_000);
  t.is(said.bytes, said.packets * 100);
  t.true(said.seconds >= 0.999);
  const { rxPackets, rxBytes } = to.namespace.statistics('eth0');
  t.deepEqual([rxPackets, rxBytes], [said.packets, said.bytes]);
  t.is(to.namespace.statistics('eth0').txPackets, 0);
});

test('ends early and truthfully when it is told to stop', async (t) => {
  const [from, to] = quietPair();
  const child = from.namespace.spawn(generate, ['eth0', '10', '60', '1000'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout!.setEncoding('utf8').on('data', (text) => {
    said += text;
  });
  // Its first packets show that it runs and listens to signals.
  while (to.namespace.statistics('eth0').rxPackets === 0 && child.exitCode === null) await setImmediate();
  child.kill('SIGTERM');
  const [code] = await once(child, 'close');
  t.is(code, 0);
  t.is((JSON.parse(said) as Sent).packets, to.namespace.statistics('eth0').rxPackets);
});

test('refuses arguments that are out of range, and an interface that is not there', (t) => {
  const namespace = createNetworkNamespace();
  t.throws(() => namespace.run(generate, 'lo', '0', '1'), { message: /FLOWS is '0', not a whole number from 1/ });
  t.throws(() => namespace.run(generate, 'lo', '1', '1s'), { message: /SECONDS is '1s'/ });
  t.throws(() => namespace.run(generate, 'nosuch0', '1', '1'), { message: /nosuch0: No such device/ });
});
