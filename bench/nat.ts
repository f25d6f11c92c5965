/**
 * What new translated flows cost a read: a node translates N connections that a generator opens, and two tables count
 * them at the same interface, one of which asks conntrack. The difference of their first reads is the price.
 */

import { flowColumns, type KernelTable, openKernelTable } from '../native/index.ts';
import { enterNetworkNamespace } from '../test/support/native.ts';
import { removeNetworkNamespaces } from '../test/support/network-namespace.ts';
import { translatingNode } from '../test/support/translating-node.ts';

const FLOW_COUNTS = [1000, 8000, 10_000, 100_000];
const ROUNDS = 5;
const PACKETS_PER_SECOND = 100_000;
const node = translatingNode();
enterNetworkNamespace(node.namespace.name);

const iface = { index: node.entrance.index, name: node.entrance.name };

/** Milliseconds of CPU of the first read of all flows, without and with the question. */
async function firstReads(flows: number) {
  const open = async (trueEnds: boolean) => {
    const table = await openKernelTable({ maxFlows: 131_072, trueEnds });
    table.attach(iface, 'ingress');
    return table;
  };
  const tables = [await open(false), await open(true)] as const;
  node.generate(flows, PACKETS_PER_SECOND, 2);
  const [plain, asking] = [await cpuOfRead(tables[0], flows), await cpuOfRead(tables[1], flows)];
  for (const table of tables) await table.close();
  const { rows, translatedRows, natLookUps } = asking;
  if (translatedRows !== rows) throw new Error(`${translatedRows} of ${rows} rows are translated`);
  return { plainMs: plain.cpuMs, askingMs: asking.cpuMs, rows, dumps: natLookUps.dumps };
}

/** CPU time, which a busy machine changes less than the time on the clock; nothing else runs in this process. */
async function cpuOfRead(table: KernelTable, flows: number) {
  const columns = flowColumns(flows * 2);
  const before = process.cpuUsage();
  const collected = await table.collect(columns);
  const { user, system } = process.cpuUsage(before);
  return { ...collected, cpuMs: (user + system) / 1000 };
}

const least = (values: readonly number[]) => Math.min(...values);

console.log('flows    plain ms  asking ms  more ms  us/flow  lists');
for (const flows of FLOW_COUNTS) {
  const reads = [];
  for (let round = 0; round < ROUNDS; round++) reads.push(await firstReads(flows));
  const plainMs = least(reads.map((read) => read.plainMs));
  const askingMs = least(reads.map((read) => read.askingMs));
  const moreMs = askingMs - plainMs;
  const figures = [plainMs, askingMs, moreMs, (moreMs * 1000) / reads[0]!.rows].map((value) =>
    value.toFixed(2).padStart(8),
  );
  console.log(`${String(reads[0]!.rows).padEnd(7)} ${figures.join('  ')}  ${reads[0]!.dumps}`);
}
removeNetworkNamespaces();
