/** Flows whose addresses somebody chose so that they collide. */

import test from 'ava';
import { flowColumns, openKernelTable } from '../../native/index.ts';
import { chosenSource } from '../support/chosen-sources.ts';
import { ETHERTYPE_IPV6, ethernet, ipv6, udp } from '../support/frames.ts';
import { enterNewNetworkNamespace } from '../support/native.ts';
import { B6, run, UDP } from './frame-runs.ts';

/** More than the map for overflow holds, where they would all go: it and the slots that a flow is looked for in. */
const FLOWS = 16_384 + 16 + 100;

test.before(() => enterNewNetworkNamespace());

test('more flows of addresses that collide under the hash in the source than overflow holds are all counted', async (t) => {
  const table = await openKernelTable({ maxFlows: 131_072 });
  t.teardown(() => table.close());
  const datagram = udp(5000, 53, new Uint8Array(20));
  for (let flow = 0; flow < FLOWS; flow++) {
    await run(table, ethernet(ETHERTYPE_IPV6, ipv6(chosenSource(flow), B6, UDP, datagram)));
  }
  const { rows } = await table.collect(flowColumns(2 * FLOWS));
  t.is(rows, FLOWS);
});
