/**
 * How many instructions the programs spend on a packet of a flow that they know, over an empty program: for a machine
 * whose clock goes one nanosecond an instruction (`ICOUNT=1 scripts/kernel-vm.sh`), where a run lasts as long whatever
 * else the host does.
 */

import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openKernelTable } from '../../native/index.ts';
import { tcpFrame } from '../support/frames.ts';
import { kernelGives } from '../support/kernel-gives.ts';
import { enterNewNetworkNamespace, loadPrograms, progTestRun } from '../support/native.ts';

/** Raised only with a decision record: see docs/kernels.md. */
const BUDGET = 200;
/** A mean of this many runs, in whole instructions; the timer interrupts some, so the least of several means counts. */
const REPEAT = 20_000;
const ROUNDS = 7;
const EMPTY = fileURLToPath(new URL('../../build/bpf/empty.bpf.o', import.meta.url));
const FRAME = tcpFrame({ src: '10.0.0.1', dst: '10.0.0.2', srcPort: 1024, dstPort: 443, payloadBytes: 46 });

test.before(() => enterNewNetworkNamespace());

async function instructionsOf(programId: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const [result] = await progTestRun({ programId, packet: FRAME, repeat: REPEAT });
    least = Math.min(least, result!.durationNs);
  }
  return least;
}

const title = `a packet costs at most ${BUDGET} instructions over an empty program, at ingress and at egress`;
test(title, async (t) => {
  const empty = loadPrograms(EMPTY);
  t.teardown(empty.close);
  const table = await openKernelTable({ maxFlows: 131_072 });
  t.teardown(() => table.close());

  const base = await instructionsOf(empty.programIds.count!);
  for (const direction of ['ingress', 'egress']) {
    const spent = (await instructionsOf(table.programIds[`network_${direction}`]!)) - base;
    t.log(`${direction}: ${spent} instructions over the ${base} of an empty program`);
    t.true(spent > 0 && spent <= BUDGET, `${spent} instructions at ${direction}`);
  }
  kernelGives(t, title, 'yes');
});
