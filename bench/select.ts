/**
 * attribute_select and filter on whole tables: 100,000 flows into 10,000 series, and 20 rules over a million rows, beside
 * the same rules asked of every row. Prints the best of interleaved rounds; the ratio is what compares between machines.
 */

import type { Processor } from '../core/component/define.ts';
import { decodeBlock } from '../core/config/block.ts';
import { treeOf } from '../core/config/tree.ts';
import { compileCondition } from '../core/ottl/compile.ts';
import { type PointSource, pointContext } from '../core/ottl/points.ts';
import { EndpointDimension } from '../core/table/dimension.ts';
import { createFlowTables } from '../core/table/flow-columns.ts';
import type { FlowTable } from '../core/table/flow-table.ts';
import { valueAt } from '../core/table/row-verdicts.ts';
import { systemClock } from '../core/telemetry/clock.ts';
import { createLogger } from '../core/telemetry/log.ts';
import { createRegistry } from '../core/telemetry/registry.ts';
import attributeSelect from '../processors/attribute_select/index.ts';
import filter from '../processors/filter/index.ts';
import { randomNumbers } from './tools/random-numbers.ts';

const ENDPOINTS = 3000;
const ROUNDS = 5;
/** Every row is asked for every rule by hand: so few rows that it ends. */
const NAIVE_ROWS = 20_000;

/** `pairs` pairs of addresses, each flow with a port of its own. */
function makeFlows(rows: number, pairs: number): FlowTable {
  const random = randomNumbers(42);
  const endpoints = new EndpointDimension();
  const addresses = new Uint8Array(ENDPOINTS * 16);
  for (let endpoint = 0; endpoint < ENDPOINTS; endpoint++) {
    addresses.set([0xff, 0xff, 10, endpoint % 4, endpoint >> 8, endpoint & 0xff], endpoint * 16 + 10);
  }
  endpoints.append(addresses);
  const ends = Array.from({ length: pairs }, () => [random(ENDPOINTS), random(ENDPOINTS)] as const);
  const pair = Uint32Array.from({ length: rows }, () => random(pairs));
  const column = <Column>(
    make: { from(list: ArrayLike<number>, map: (value: number) => number): Column },
    value: (pair: number) => number,
  ) => make.from(pair, value);
  return createFlowTables()({
    rows,
    window: { startNs: 0n, endNs: 5_000_000_000n },
    resource: { attributes: { 'service.name': 'weir' } },
    scope: { name: 'weir', version: '0' },
    metricNames: ['beyla'],
    endpoints,
    interfaceNames: new Map([[2, 'eth0']]),
    agentAddress: '10.0.0.1',
    sampling: 1,
    flows: {
      src: column(Uint32Array, (one) => ends[one]![0]),
      dst: column(Uint32Array, (one) => ends[one]![1]),
      srcPort: column(Uint16Array, () => 32768 + random(28000)),
      dstPort: column(Uint16Array, () => random(1000)),
      transport: column(Uint8Array, () => (random(5) === 0 ? 17 : 6)),
      direction: column(Uint8Array, () => random(2)),
      iface: column(Uint16Array, () => 2),
      initiator: column(Uint8Array, () => 1),
      guessed: new Uint8Array(rows),
      tunnel: new Uint8Array(rows),
      bytes: column(Float64Array, () => random(100_000)),
      packets: column(Float64Array, () => random(100)),
    },
  });
}

const conditions = [
  'IsInCIDR(attributes["src.address"], ["192.168.0.0/16"])',
  'IsInCIDR(attributes["dst.address"], ["10.3.0.0/16"])',
  'IsMatch(attributes["src.address"], "^10\\\\.2\\\\..*7$")',
  'HasPrefix(attributes["dst.address"], "172.")',
  'HasSuffix(attributes["src.address"], ".255")',
  'attributes["server.port"] == 53 or attributes["server.port"] == 123',
  'attributes["transport"] == "UDP" and attributes["server.port"] > 900',
  'attributes["src.address"] == attributes["dst.address"]',
  'attributes["client.port"] < 33000 and not (attributes["transport"] == "TCP")',
  'attributes["iface.direction"] == "egress" and attributes["iface"] != "eth0"',
];
const network = {
  'src.address': { not_match: '10.0.0.1' },
  'dst.address': { not_match: '10.1.0.*' },
  transport: { match: '{TCP,UDP,ICMP}' },
  'network.type': { match: 'ipv4' },
  direction: { not_match: 'unknown' },
  iface: { not_match: 'veth*' },
  'iface.direction': { match: '*gress' },
  'src.port': { not_match: '6553?' },
  'dst.port': { not_match: '[!0-9]*' },
  'server.port': { not_match: '2{2,3}' },
};

const host = {
  id: 'bench',
  logger: createLogger({ write: () => undefined }),
  metrics: createRegistry(),
  clock: systemClock,
  build: { command: 'weir', version: '0' },
};

/** Of this thread, on which everything here runs: a busy machine does not count. */
function timeMs(work: () => void): number {
  const start = process.threadCpuUsage();
  work();
  const { user, system } = process.threadCpuUsage(start);
  return (user + system) / 1000;
}

const flows = makeFlows(100_000, 10_000);
const select = {
  select: { '*': { include: ['src.address', 'dst.address'] } },
  features: ['network', 'network_flow_packets'],
};
const selecting = attributeSelect.create(decodeBlock(attributeSelect.config, treeOf(select, 'bench')).config, host);
const rows = makeFlows(1_000_000, 100_000);
const block = { network, metric_conditions: conditions };
const filtering = filter.create(decodeBlock(filter.config, treeOf(block, 'bench')).config, host);

/** The conditions alone, each for each row. */
function naive(): number {
  const compiled = conditions.map((text) =>
    compileCondition(
      text,
      pointContext('datapoint', () => undefined),
    ),
  );
  const holds = (condition: (typeof compiled)[number], source: PointSource): boolean => {
    if (condition.kind === 'test') return condition.test(source);
    if (condition.kind === 'not') return !holds(condition.operand, source);
    return condition.kind === 'and'
      ? holds(condition.left, source) && holds(condition.right, source)
      : holds(condition.left, source) || holds(condition.right, source);
  };
  let dropped = 0;
  for (let place = 0; place < NAIVE_ROWS; place++) {
    const value = (name: string) => valueAt(rows.columns.get(name), place);
    const source = { resource: rows.resource, scope: rows.scope, attributeNames: [], place, value };
    if (compiled.some((condition) => holds(condition, source))) dropped++;
  }
  return dropped;
}

const best = { select: Infinity, first: Infinity, filter: Infinity, naive: Infinity };
let made: ReturnType<NonNullable<Processor['flows']>> = [];
let kept: typeof made = [];
best.first = timeMs(() => {
  kept = filtering.flows!(rows);
});
for (let round = 0; round < ROUNDS; round++) {
  best.select = Math.min(
    best.select,
    timeMs(() => {
      made = selecting.flows!(flows);
    }),
  );
  best.filter = Math.min(
    best.filter,
    timeMs(() => {
      kept = filtering.flows!(rows);
    }),
  );
  best.naive = Math.min(best.naive, timeMs(naive));
}

const [table] = made;
const series = table?.kind === 'metric' ? table.ids.length : 0;
const [left] = kept;
const keptRows = left?.kind === 'flows' ? left.rows : 0;
const naiveMs = (best.naive * rows.rows) / NAIVE_ROWS;
process.stdout.write(
  `select ${flows.rows.toLocaleString('en')} flows into ${series.toLocaleString('en')} series, two metrics: ${best.select.toFixed(1)} ms\n` +
    `filter ${rows.rows.toLocaleString('en')} rows by 20 rules, ${keptRows.toLocaleString('en')} kept: ${best.filter.toFixed(0)} ms ` +
    `(the first time ${best.first.toFixed(0)} ms); 10 of them asked of every row ${naiveMs.toFixed(0)} ms, ` +
    `ratio ${(naiveMs / best.filter).toFixed(1)}\n`,
);
