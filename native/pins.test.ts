/**
 * Tables that outlive their process: a child reads and commits windows and is killed at any moment; the next one gets what
 * was not committed, of each window all or nothing.
 */

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import { mountBpfFileSystem, unmountBpfFileSystems } from '../test/support/bpf-file-system.ts';
import { udpFrame } from '../test/support/frames.ts';
import { sendFrame } from '../test/support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../test/support/network-namespace.ts';

const DOOR = new URL('index.ts', import.meta.url).href;
const FLOWS = 300;
const KILLS = 12;

const [here, there] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
const pinPath = `${mountBpfFileSystem()}/weir`;

test.after.always(() => {
  removeNetworkNamespaces();
  unmountBpfFileSystems();
});

/** Says `collected BYTES`, then commits and says `committed BYTES`, again and again, without a pause. */
const READER = `
  const native = await import(${JSON.stringify(DOOR)});
  const table = await native.openKernelTable({ maxFlows: 1024, pin: { path: '${pinPath}', settings: {} } });
  const iface = native.listInterfaces().find(({ name }) => name === '${here.name}');
  if (table.takenOver === undefined) table.attach(iface, 'ingress');
  const { writeSync } = await import('node:fs');
  writeSync(1, 'open ' + (table.takenOver?.hooks.length ?? 0) + '\\n');
  for (let window = 1n; ; window++) {
    const { sums } = await table.collect(native.flowColumns(4096));
    const bytes = sums.reduce((sum, { bytes }) => sum + bytes, 0);
    writeSync(1, 'collected ' + bytes + '\\n');
    await table.commit(window);
    writeSync(1, 'committed ' + bytes + '\\n');
  }`;

test('a window of a process that is killed is committed as a whole or not at all', async (t) => {
  t.timeout(180_000);
  let sent = 0;
  const send = () => {
    for (let flow = 0; flow < FLOWS; flow++) {
      const frame = udpFrame({
        src: '10.0.0.1',
        dst: '10.0.0.2',
        srcPort: 1024 + flow,
        dstPort: 53,
        payloadBytes: flow,
      });
      sendFrame({ networkNamespace: there.namespace.name, interface: there.name, frame });
      sent += frame.length;
    }
  };
  /** Bytes that are certainly committed; of the window that a kill came upon, the next process tells. */
  let committed = 0;
  let unsure: number[] = [0];
  for (let kill = 0; kill < KILLS; kill++) {
    const child = here.namespace.spawn(process.execPath, ['--input-type=module', '--eval', READER], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let unconfirmed = 0;
    const lines = createInterface(child.stdout!);
    lines.on('line', (line) => {
      const [what, value] = line.split(' ');
      if (what === 'collected') unconfirmed = Number(value);
      if (what === 'committed') {
        committed += Number(value);
        unconfirmed = 0;
      }
    });
    const [first] = await once(lines, 'line');
    t.is(first, kill === 0 ? 'open 0' : 'open 1');
    send();
    await delay(kill * 3);
    const ended = [once(child, 'exit'), once(lines, 'close')];
    child.kill('SIGKILL');
    await Promise.all(ended);
    // What was collected and not confirmed may be committed, or else comes again.
    unsure = unsure.flatMap((bytes) => [bytes, bytes + unconfirmed]);
  }
  const reader = here.namespace.spawn(process.execPath, ['--input-type=module', '--eval', READER], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let empty = 0;
  const lines = createInterface(reader.stdout!);
  lines.on('line', (line) => {
    if (line.startsWith('committed')) committed += Number(line.split(' ')[1]);
    if (line === 'committed 0') empty++;
  });
  while (empty < 2) await once(lines, 'line');
  reader.kill('SIGKILL');
  await once(reader, 'exit');
  rmSync(pinPath, { recursive: true });
  t.true(
    unsure.some((bytes) => committed + bytes === sent),
    `${committed} B committed, ${sent} B sent, unsure of ${[...new Set(unsure)]}`,
  );
});
