import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { enableBpfRunTime, loadPrograms, progTestRun, readBpfRunTime, sendFrame, setFlowCount } from './native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from './network-namespace.ts';

const NEXT_PROGRAM = -1;
const objectPath = (name: string) => fileURLToPath(new URL(`../../build/bpf/${name}.bpf.o`, import.meta.url));

test.after.always(removeNetworkNamespaces);

/** UDP from 10.0.0.1 to 10.99.99.99 in the least that a generator needs. */
function udpPacket(): Uint8Array {
  const packet = new Uint8Array(64);
  const view = new DataView(packet.buffer);
  view.setUint16(12, 0x0800);
  view.setUint8(14, 0x45);
  view.setUint8(23, 17);
  view.setUint32(26, 0x0a000001);
  view.setUint32(30, 0x0a636363);
  return packet;
}

/** Entries of the map of this name that a program uses. */
function entriesOf(programId: number, mapName: string): { key: unknown; value: unknown }[] {
  const bpftool = (...args: string[]) => JSON.parse(execFileSync('bpftool', ['-j', ...args], { encoding: 'utf8' }));
  const ids = bpftool('prog', 'show', 'id', String(programId)).map_ids as number[];
  const id = ids.find((each) => bpftool('map', 'show', 'id', String(each)).name === mapName);
  return bpftool('map', 'dump', 'id', String(id));
}

test('runs a program on each of several CPUs, over as many flows as asked for', async (t) => {
  const programs = loadPrograms(objectPath('hash'));
  t.teardown(programs.close);
  const programId = programs.programIds.generate_and_count!;
  setFlowCount(programId, 500);
  const results = await progTestRun({ programId, packet: udpPacket(), repeat: 4000, threads: 2 });
  t.deepEqual(
    results.map(({ retval }) => retval),
    [NEXT_PROGRAM, NEXT_PROGRAM],
  );
  t.true(results.every(({ durationNs, cpuNs }) => durationNs > 0 && cpuNs > 0));
  t.is(entriesOf(programId, 'flows').length, 500);
});

test('leaves the event loop free while a program runs', async (t) => {
  const programs = loadPrograms(objectPath('empty'));
  t.teardown(programs.close);
  let done = false;
  const run = progTestRun({ programId: programs.programIds.count!, packet: udpPacket(), repeat: 1_000_000 });
  const finished = run.then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  t.false(done);
  await finished;
});

test('counts the runs of a program while their time is taken', async (t) => {
  const programs = loadPrograms(objectPath('limit'));
  t.teardown(programs.close);
  const programId = programs.programIds.count!;
  const stop = enableBpfRunTime();
  t.teardown(stop);
  await progTestRun({ programId, packet: udpPacket(), repeat: 100 });
  const { timeNs, runs } = readBpfRunTime(programId);
  t.is(runs, 100);
  t.true(timeNs > 0);
});

test('names the call that failed', async (t) => {
  t.throws(() => loadPrograms('/nosuch.bpf.o'), { message: /open \/nosuch\.bpf\.o: No such file/ });
  const programs = loadPrograms(objectPath('empty'));
  t.teardown(programs.close);
  const programId = programs.programIds.count!;
  const packet = udpPacket();
  await t.throwsAsync(progTestRun({ programId, packet, repeat: 1, context: { ifindex: 987_654 } }), {
    message: /BPF_PROG_TEST_RUN: No such device/,
  });
  await t.throwsAsync(progTestRun({ programId, packet, repeat: 0 }), { message: /repeat is 0/ });
  await t.throwsAsync(progTestRun({ programId, packet, repeat: 1, threads: 10_000 }), { message: /more threads/ });
  t.throws(() => sendFrame({ networkNamespace: 'weir-test-none', interface: 'lo', frame: packet }), {
    message: /weir-test-none: No such file/,
  });
  t.throws(() => sendFrame({ interface: 'nosuch0', frame: packet }), { message: /interface nosuch0: No such device/ });
});

test('sends frames out of an interface of another namespace', (t) => {
  const [left, right] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  sendFrame({ networkNamespace: left.namespace.name, interface: left.name, frame: udpPacket(), count: 3 });
  const { rxPackets, rxBytes } = right.namespace.statistics(right.name);
  t.deepEqual([rxPackets, rxBytes], [3, 3 * 64]);
});

test('sends one large packet for the kernel to cut', (t) => {
  const [left, right] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
  const headerBytes = 54;
  const frame = new Uint8Array(headerBytes + 3000);
  frame.set(udpPacket().subarray(0, 34));
  const view = new DataView(frame.buffer);
  view.setUint16(16, frame.length - 14);
  view.setUint8(23, 6);
  view.setUint8(46, 0x50);
  const virtioNetHeader = { flags: 1, gsoType: 1, headerBytes, gsoBytes: 1000, checksumStart: 34, checksumOffset: 16 };
  sendFrame({ networkNamespace: left.namespace.name, interface: left.name, frame, virtioNetHeader });
  const { rxPackets, rxBytes } = right.namespace.statistics(right.name);
  t.deepEqual([rxPackets, rxBytes], [1, headerBytes + 3000]);
});

test('moves a thread to a namespace of its own, where a program can be attached and taken off', async (t) => {
  const source = new URL('native.ts', import.meta.url).href;
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads';
     import { attachedProgramCount, attachProgram, enterNewNetworkNamespace, loadPrograms } from ${JSON.stringify(source)};
     enterNewNetworkNamespace();
     const programs = loadPrograms(${JSON.stringify(objectPath('empty'))});
     const programId = programs.programIds.count;
     const attached = () => attachedProgramCount('', 'lo');
     const detach = attachProgram(programId, 'lo', 'egress');
     const during = attached();
     detach();
     parentPort.postMessage([during, attached()]);`,
    { eval: true, execArgv: ['--input-type=module'] },
  );
  t.deepEqual(await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject)), [1, 0]);
});
