/** A configured pipeline that a test gives flow tables to, with every processor of the build: points out. */

import type { ExecutionContext } from 'ava';
import { components } from '../../components.ts';
import { type Consumer, defineExporter, defineReceiver } from '../../core/component/define.ts';
import { loadConfig } from '../../core/config/load.ts';
import { startService } from '../../core/pipeline/service.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import type { MetricTable } from '../../core/table/metric-table.ts';
import { isMetricTable } from '../../core/table/resource-metrics.ts';
import { createTestFlows, pointsOf, type TestFlow } from '../../core/table/testing.ts';

const FIVE_SECONDS_NS = 5_000_000_000n;

export interface TablePipeline {
  readonly consumer: Consumer;
  /** Everything that arrived. */
  readonly exported: readonly MetricTable[];
  /** Lines of the log. */
  readonly log: readonly string[];
  /** Gives the flows of the last five seconds. */
  consume(flows: readonly TestFlow[]): ReturnType<Consumer['consume']>;
  /** The points of each metric that is made of these flows at once. */
  points(flows: readonly TestFlow[]): ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** `processors` is the section as YAML, `list` those of the pipeline. */
export async function startTablePipeline(
  t: ExecutionContext,
  processors: string,
  list: string,
): Promise<TablePipeline> {
  const exported: MetricTable[] = [];
  const log: string[] = [];
  let consumer: Consumer | undefined;
  const source = defineReceiver<object>({
    type: 'source',
    stability: 'alpha',
    description: 'Tables of the test.',
    config: {},
    adds: flowAttributes,
    create: (_config, _host, given) => {
      consumer = given;
      return {};
    },
  });
  const sink = defineExporter<object>({
    type: 'sink',
    stability: 'alpha',
    description: 'Keeps what arrives.',
    config: {},
    create: () => ({
      hasRoom: () => true,
      onRoom: () => undefined,
      export(tables, onSettled) {
        exported.push(...tables.filter(isMetricTable));
        onSettled?.('delivered');
      },
    }),
  });
  const yaml = `
receivers: {source: }
processors: ${processors}
exporters: {sink: }
service:
  telemetry: {metrics: {level: none}}
  pipelines: {metrics: {receivers: [source], processors: [${list}], exporters: [sink]}}
`;
  const config = loadConfig({ uris: [`yaml:${yaml}`] }, [source, sink, ...components]);
  const build = { command: 'weir', version: '0.1.0' };
  const service = await startService(config, { build, write: (line) => log.push(line) });
  t.teardown(service.stop);
  const tables = createTestFlows();
  const consume = (flows: readonly TestFlow[]) => {
    const endNs = BigInt(Date.now()) * 1_000_000n;
    return consumer!.consume(tables(flows, { startNs: endNs - FIVE_SECONDS_NS, endNs }));
  };
  return {
    consumer: consumer!,
    exported,
    log,
    consume,
    points(flows) {
      const before = exported.length;
      consume(flows);
      return new Map(exported.slice(before).map((table) => [table.metric.name, pointsOf(table)]));
    },
  };
}
