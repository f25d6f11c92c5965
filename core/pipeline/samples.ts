/** For tests: small components, a configuration of them, and a flow table. */

import type {
  Consumer,
  Exporter,
  ExporterComponent,
  Extension,
  ExtensionComponent,
  Processor,
  ProcessorComponent,
  Receiver,
  ReceiverComponent,
} from '../component/define.ts';
import type { ComponentInstance, PipelineConfig, ResolvedConfig } from '../config/types.ts';
import { EndpointDimension } from '../table/dimension.ts';
import { createFlowTables, flowAttributes } from '../table/flow-columns.ts';
import type { FlowTable } from '../table/flow-table.ts';
import type { MetricTable } from '../table/metric-table.ts';
import { isMetricTable, isResourceMetrics, type ResourceMetricsTable } from '../table/resource-metrics.ts';

const place = 'collector.yaml:1:1';
/** Each key has a place of its own: that of `a::b` is `collector.yaml:a.b`. */
const placeOf = (path: readonly string[]) => (path.length === 0 ? place : `collector.yaml:${path.join('.')}`);
const common = { stability: 'alpha', description: 'A component of the tests.', config: {} } as const;

export function sampleReceiver(
  id: string,
  create: (consumer: Consumer) => Receiver = () => ({}),
): ComponentInstance<ReceiverComponent<unknown>> {
  const definition: ReceiverComponent<unknown> = {
    ...common,
    kind: 'receiver',
    type: id,
    adds: flowAttributes,
    create: (_config, _host, consumer) => create(consumer),
  };
  return { id, type: id, definition, config: {}, placeOf };
}

type Shape = Partial<Pick<ProcessorComponent<unknown>, 'needs' | 'adds' | 'consumes' | 'produces'>>;

export function sampleProcessor(
  id: string,
  shape: Shape,
  create: () => Processor = () => ({}),
): ComponentInstance<ProcessorComponent<unknown>> {
  const definition: ProcessorComponent<unknown> = {
    ...common,
    kind: 'processor',
    type: id,
    needs: [],
    adds: [],
    consumes: 'flows',
    produces: 'same',
    ...shape,
    create,
  };
  return { id, type: id, definition, config: {}, placeOf };
}

export interface SampleExporter extends Exporter {
  /** One entry a call. */
  readonly calls: (readonly MetricTable[])[];
  /** Metrics that are no flows, of every call. */
  readonly passed: ResourceMetricsTable[];
  /** Calls that came without room. */
  refused: number;
  setRoom(room: boolean): void;
}

export function sampleExporter(): SampleExporter {
  let hasRoom = true;
  const callbacks: (() => void)[] = [];
  return {
    calls: [],
    passed: [],
    refused: 0,
    hasRoom: () => hasRoom,
    onRoom: (callback) => void callbacks.push(callback),
    export(tables) {
      if (!hasRoom) {
        this.refused += 1;
        return;
      }
      this.calls.push(tables.filter(isMetricTable));
      this.passed.push(...tables.filter(isResourceMetrics));
    },
    setRoom(room) {
      hasRoom = room;
      if (room) for (const callback of callbacks) callback();
    },
  };
}

export function exporterInstance(id: string, exporter: Exporter): ComponentInstance<ExporterComponent<unknown>> {
  const definition: ExporterComponent<unknown> = { ...common, kind: 'exporter', type: id, create: () => exporter };
  return { id, type: id, definition, config: {}, placeOf };
}

export function extensionInstance(id: string, extension: Extension): ComponentInstance<ExtensionComponent<unknown>> {
  const definition: ExtensionComponent<unknown> = { ...common, kind: 'extension', type: id, create: () => extension };
  return { id, type: id, definition, config: {}, placeOf };
}

/** `metrics: {receivers: [in], processors, exporters: [out]}` and what else is given. */
export function samplePipeline(processors: readonly string[], more: Partial<PipelineConfig> = {}): PipelineConfig {
  return { id: 'metrics', signal: 'metrics', receivers: ['in'], processors, exporters: ['out'], place, ...more };
}

export function sampleConfig(parts: Pick<ResolvedConfig, 'pipelines'> & Partial<ResolvedConfig>): ResolvedConfig {
  const telemetry = {
    logs: { level: 'info', encoding: 'console' },
    metrics: { level: 'none', host: '127.0.0.1', port: 0 },
  } as const;
  return {
    receivers: [sampleReceiver('in')],
    processors: [],
    exporters: [],
    extensions: [],
    usedExtensions: [],
    telemetry,
    warnings: [],
    ...parts,
  };
}

/** One flow of 10.0.0.1 to 10.0.0.2, by TCP to port 443. */
export function sampleFlows(bytes: number, packets: number): FlowTable {
  const endpoints = new EndpointDimension();
  const mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
  endpoints.append(Uint8Array.from([...mapped, 10, 0, 0, 1, ...mapped, 10, 0, 0, 2]));
  return createFlowTables()({
    rows: 1,
    window: { startNs: 1n, endNs: 2n },
    resource: { attributes: {} },
    scope: { name: 'weir', version: '0' },
    metricNames: ['beyla'],
    endpoints,
    interfaceNames: new Map([[2, 'eth0']]),
    agentAddress: undefined,
    sampling: 1,
    flows: {
      src: Uint32Array.of(0),
      dst: Uint32Array.of(1),
      srcPort: Uint16Array.of(40_000),
      dstPort: Uint16Array.of(443),
      transport: Uint8Array.of(6),
      direction: Uint8Array.of(0),
      tunnel: Uint8Array.of(0),
      iface: Uint16Array.of(2),
      initiator: Uint8Array.of(1),
      guessed: Uint8Array.of(0),
      bytes: Float64Array.of(bytes),
      packets: Float64Array.of(packets),
    },
  });
}
