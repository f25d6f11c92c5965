/**
 * A look beside tables that are pinned takes nothing from them: `weir explain` once was an agent as any other, so it took
 * them over, and committed windows that no exporter had sent.
 */

import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { unmountBpfFileSystems } from '../support/bpf-file-system.ts';
import { removeNetworkNamespaces } from '../support/network-namespace.ts';
import { programOf } from '../support/programs.ts';
import { startAgent, until } from './agent.ts';
import { configWith, hosts, leftBehind, send, total } from './pinned.ts';

const MAIN = programOf('cli/main.ts');

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

test('explain leaves what is pinned to the agent, which sends every byte', async (t) => {
  const { host, peer, sink, pinPath } = await hosts(t);
  const config = configWith(pinPath);
  const first = await startAgent(host, config);
  let sent = send(peer, 'eth0', 100);
  await first.kill();
  sent += send(peer, 'eth0', 50);

  const args = [MAIN, 'explain', '--config', `yaml:${config}`, '--for', '10m', 'proto=udp'];
  const child = host.spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const [output, closed] = [text(child.stdout!), once(child, 'close')];
  let log = '';
  child.stderr!.setEncoding('utf8').on('data', (part: string) => {
    log += part;
  });
  await until('explain looks', () => log.includes('Everything is ready.'));
  const seen = send(peer, 'eth0', 7);
  child.kill('SIGINT');
  t.deepEqual(await closed, [0, null], log);
  t.true((await output).includes(`${seen.toLocaleString('en-US')} B, 7 packets`), 'it counts by itself');

  const second = await startAgent(host, config);
  t.regex(second.said(), /Took over a table that was counting/);
  await until('all has arrived', () => total(sink) >= sent + seen);
  t.is((await second.stop()).code, 0);
  t.is(total(sink), sent + seen);
  t.is(await leftBehind(host, pinPath), 0);
});
