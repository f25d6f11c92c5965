/** The addon when things end: threads, processes, descriptors. What may bring down a process runs in one of its own. */

import { execFile, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { longerWhenEmulated } from '../test/support/emulated.ts';
import { ETHERTYPE_ARP, ethernet } from '../test/support/frames.ts';
import { attachedProgramCount, enterNetworkNamespace, sendFrame } from '../test/support/native.ts';
import { createNetworkNamespace, joinByVeth, removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { flowColumns, openKernelTable } from './index.ts';

const DOOR = new URL('index.ts', import.meta.url).href;
const POLL_MS = 5;
const PATIENCE_MS = longerWhenEmulated(10_000);

const [here, there] = joinByVeth(createNetworkNamespace(), createNetworkNamespace(), { quiet: true });
const attached = () => attachedProgramCount(here.namespace.name, here.name);

test.before(() => enterNetworkNamespace(here.namespace.name));
test.after.always(removeNetworkNamespaces);

/** Runs a module that has the door as `native`; `shell` goes before it. Rejects when it ends badly. */
async function run(script: string, shell = ''): Promise<string> {
  const module = `const native = await import(${JSON.stringify(DOOR)});\n${script}`;
  const command = `${shell} exec "$0" --input-type=module --eval "$1"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, process.execPath, module]);
  return stdout;
}

test.serial('a thread may be ended in the middle of any call', async (t) => {
  const calls = {
    open: 'for (;;) await (await native.openKernelTable({ maxFlows: 4096 })).close();',
    collect: 'for (;;) await table.collect(columns);',
    settle: 'for (;;) await table.settle();',
    list: 'for (;;) native.listInterfaces();',
    watch:
      'for (;;) { native.watchInterfaces(() => {}); native.watchInterfaces(() => {}).close(); await table.settle(); }',
    attach: `for (;;) {
      await table.attachOffLoop({ index: 1, name: 'lo' }, 'egress');
      await table.detachOffLoop(1, 'egress');
    }`,
  };
  const script = `
    import { once } from 'node:events';
    import { setTimeout as delay } from 'node:timers/promises';
    import { Worker } from 'node:worker_threads';
    for (const call of ${JSON.stringify(Object.values(calls))}) {
      for (let round = 0; round < 5; round++) {
        const worker = new Worker(\`
          import { parentPort } from 'node:worker_threads';
          const native = await import(${JSON.stringify(DOOR)});
          const table = await native.openKernelTable({ maxFlows: 4096 });
          const columns = native.flowColumns(20_000);
          parentPort.postMessage('open');
          \${call}\`, { eval: true });
        await once(worker, 'message');
        await delay(2 * round);
        await worker.terminate();
      }
    }
    await (await native.openKernelTable({ maxFlows: 4096 })).close();
    console.log('alive');`;
  t.is(await run(script), 'alive\n');
});

test.serial('a process may end in the middle of a call', async (t) => {
  const script = `
    const table = await native.openKernelTable({ maxFlows: 4096 });
    setTimeout(() => { console.log('ending'); process.exit(); }, 5);
    for (;;) await table.settle();`;
  t.is(await run(script), 'ending\n');
});

test.serial('nothing stays attached when the process is killed, even while a child of it lives on', async (t) => {
  const script = `
    import { spawn } from 'node:child_process';
    const native = await import(${JSON.stringify(DOOR)});
    const table = await native.openKernelTable({ maxFlows: 1024 });
    const iface = native.listInterfaces().find(({ name }) => name === '${here.name}');
    table.attach(iface, 'ingress');
    table.attach(iface, 'egress');
    const child = spawn('sleep', ['60'], { stdio: 'ignore', detached: true });
    console.log(child.pid);
    setInterval(() => {}, 1000);`;
  const options: SpawnOptions = { stdio: ['ignore', 'pipe', 'inherit'] };
  const agent = here.namespace.spawn(process.execPath, ['--input-type=module', '--eval', script], options);
  const [line] = (await once(createInterface(agent.stdout!), 'line')) as [string];
  const child = Number(line);
  t.is(attached(), 2);

  agent.kill('SIGKILL');
  await once(agent, 'exit');
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (attached() > 0 && performance.now() < deadlineMs) await delay(POLL_MS);
  t.is(attached(), 0);
  t.true(process.kill(child, 'SIGKILL'), 'the child was alive');
});

test.serial('detaching does not wait for child processes that other threads are starting', async (t) => {
  const table = await openKernelTable({ maxFlows: 1024 });
  t.teardown(() => table.close());
  const spawning = `const { execFileSync } = require('node:child_process'); for (;;) execFileSync('true');`;
  const worker = new Worker(spawning, { eval: true });
  t.teardown(async () => void (await worker.terminate()));
  await once(worker, 'online');
  for (let round = 0; round < 60; round++) {
    table.attach(here, 'ingress');
    table.detach(here.index, 'ingress');
    t.is(attached(), 0);
    await delay(0);
  }
});

test.serial('opening and closing leaves no descriptor behind, whether it works or fails', async (t) => {
  const script = `
    import { readdirSync } from 'node:fs';
    const descriptors = () => readdirSync('/proc/self/fd').length;
    const open = async (options) => {
      const table = await native.openKernelTable({ maxFlows: 1024, ...options }).catch(() => undefined);
      await table?.settle();
      await table?.close();
    };
    await open({});
    const before = descriptors();
    for (let round = 0; round < 5; round++) {
      await open({});
      await open({ objectPath: '/nosuch' });
      native.listInterfaces();
      native.watchInterfaces(() => {}).close();
      await new Promise(setImmediate);
    }
    console.log(descriptors() - before);`;
  t.is(await run(script), '0\n');
});

test.serial('a process without a free descriptor says so, and goes on when it has one', async (t) => {
  const script = `
    import { closeSync, openSync } from 'node:fs';
    const { reportOf } = await import(${JSON.stringify(new URL('../core/errors.ts', import.meta.url).href)});
    const table = await native.openKernelTable({ maxFlows: 1024 });
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    const problems = [];
    const attempt = async (work) => { try { await work(); } catch (error) { problems.push(reportOf(error)); } };
    await attempt(() => native.listInterfaces());
    await attempt(() => table.attach({ index: 1, name: 'lo' }, 'egress'));
    await attempt(() => native.openKernelTable({ maxFlows: 1024 }));
    const { rows } = await table.collect(native.flowColumns(10));
    await table.commit();
    for (const descriptor of taken) closeSync(descriptor);
    table.attach({ index: 1, name: 'lo' }, 'egress');
    await table.close();
    console.log(JSON.stringify({ problems, rows }));`;
  const { problems, rows } = JSON.parse(await run(script, 'ulimit -n 100;')) as { problems: string[]; rows: number };
  t.is(problems.length, 3);
  for (const problem of problems) t.regex(problem, /EMFILE[\s\S]*ulimit -n[\s\S]*\[kernel\/call\]/);
  t.is(rows, 0);
});

test.serial('more interfaces than the ledger has rows may come and go, and nothing of it is lost', async (t) => {
  const table = await openKernelTable({ maxFlows: 1024 });
  t.teardown(() => table.close());
  const noted = async () => {
    const { ledger } = await table.collect(flowColumns(100));
    return ledger.find(({ iface, direction }) => iface === here.index && direction === 'ingress')?.filtered.not_ip;
  };
  const frame = ethernet(ETHERTYPE_ARP, new Uint8Array(46));
  const receive = (count: number) =>
    sendFrame({ networkNamespace: there.namespace.name, interface: there.name, frame, count });
  table.attach(here, 'ingress');
  receive(4);
  table.detach(here.index, 'ingress');
  await table.settle();
  const rows = 4096;
  for (let index = 100_000; index < 100_000 + rows; index++) {
    t.throws(() => table.attach({ index, name: 'none' }, 'ingress'), { message: /ENODEV/ });
  }
  t.is((await noted())?.packets, 4, 'its row went to another one');
  table.attach(here, 'ingress');
  receive(3);
  t.deepEqual(await noted(), { packets: 7, bytes: 7 * frame.length });
});
