/**
 * Time of the processors for one table of 100,000 flows between 3,000 endpoints: range, zone and DNS name of both ends,
 * then the selection and its sums. The first table derives every endpoint, the later ones none. A name server of the
 * bench on the loopback answers, and counts what it is asked.
 */

import type { Processor } from '../core/component/define.ts';
import { decodeBlock } from '../core/config/block.ts';
import { treeOf } from '../core/config/tree.ts';
import { EndpointDimension } from '../core/table/dimension.ts';
import { createFlowTables } from '../core/table/flow-columns.ts';
import type { FlowTable } from '../core/table/flow-table.ts';
import attributeSelect from '../processors/attribute_select/index.ts';
import cidr from '../processors/cidr/index.ts';
import reverseDns from '../processors/reverse_dns/index.ts';
import zone from '../processors/zone/index.ts';
import { startNameServer } from '../test/support/name-server.ts';
import { createRecordingHost } from '../test/support/recording-host.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const FLOWS = 100_000;
const ENDPOINTS = 3000;
const ROUNDS = 15;

const random = randomNumbers(42);

function flowTables(): () => FlowTable {
  const endpoints = new EndpointDimension();
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10];
  for (let e = 0; e < ENDPOINTS; e++) endpoints.append(Uint8Array.of(...mapped, e % 12, e >> 8, e & 255));
  const codes = (limit: number) => Uint32Array.from({ length: FLOWS }, () => random(limit));
  const flows = {
    src: codes(ENDPOINTS),
    dst: codes(ENDPOINTS),
    srcPort: Uint16Array.from(codes(65536)),
    dstPort: Uint16Array.from(codes(4)),
    transport: new Uint8Array(FLOWS).fill(6),
    direction: Uint8Array.from(codes(2)),
    iface: new Uint16Array(FLOWS),
    initiator: Uint8Array.from(codes(3)),
    guessed: new Uint8Array(FLOWS),
    tunnel: new Uint8Array(FLOWS),
    bytes: Float64Array.from(codes(1 << 20)),
    packets: Float64Array.from(codes(1 << 10)),
  };
  const toFlowTable = createFlowTables();
  const resource = { attributes: {} };
  return () =>
    toFlowTable({
      rows: FLOWS,
      window: { startNs: 0n, endNs: 1n },
      resource,
      scope: { name: 'weir', version: '0' },
      metricNames: ['beyla'],
      flows,
      endpoints,
      interfaceNames: new Map(),
      agentAddress: undefined,
      sampling: 1,
    });
}

const server = await startNameServer((address) => ({ names: [`host-${address.replaceAll('.', '-')}.example`] }));
const host = createRecordingHost('bench');
const zones = Array.from({ length: 12 }, (_, z) => ({ cidr: `10.${z}.0.0/16`, zone: `z${z % 3}`, region: 'west' }));
const blocks = [
  [cidr, { cidrs: zones.map((one) => one.cidr) }],
  [zone, { cidrs: zones }],
  [reverseDns, { servers: [server.address], max_in_flight: 256 }],
  [attributeSelect, { select: { '*': { include: ['src.zone', 'dst.zone', 'src.cidr', 'dst.cidr', 'direction'] } } }],
] as const;
const steps: readonly (readonly [string, Processor])[] = blocks.map(([definition, block]) => {
  const { config, problems } = decodeBlock<never>(definition.config as never, treeOf(block, 'bench'));
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  return [definition.type, definition.create(config, host)];
});
for (const [, processor] of steps) await processor.start?.();

/** Milliseconds of each step. */
function run(table: FlowTable): number[] {
  let tables: ReturnType<NonNullable<Processor['flows']>> = [table];
  return steps.map(([, processor]) => {
    const start = performance.now();
    tables = tables.flatMap((one) => (one.kind === 'flows' ? processor.flows!(one) : [one]));
    return performance.now() - start;
  });
}

const nextTable = flowTables();
const first = run(nextTable());
const lookups = () =>
  [...host.text().matchAll(/^otelcol_reverse_dns_lookups_total\{.*\} (\d+)$/gm)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
while (lookups() < ENDPOINTS) await new Promise((resolve) => setTimeout(resolve, 10));
const named = run(nextTable());
const asked = server.asked.length;
const best = steps.map(() => Infinity);
for (let round = 0; round < ROUNDS; round++) {
  for (const [at, ms] of run(nextTable()).entries()) best[at] = Math.min(best[at]!, ms);
}
await new Promise((resolve) => setTimeout(resolve, 200));

const total = (times: readonly number[]) => `${times.reduce((sum, ms) => sum + ms, 0).toFixed(1)} ms`;
const parts = steps.map(([type], at) => `${type} ${best[at]!.toFixed(2)}`).join(', ');
process.stdout.write(
  `${FLOWS.toLocaleString('en')} flows, ${ENDPOINTS.toLocaleString('en')} endpoints: first table ${total(first)}, ` +
    `with every DNS name new ${total(named)}, later ${total(best)} (${parts}); ` +
    `look-ups for the first ${asked}, for the ${ROUNDS} later ${server.asked.length - asked}\n`,
);
for (const [, processor] of steps) await processor.stop?.();
await server.close();
