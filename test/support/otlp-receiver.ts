/** For tests: a receiver on free ports of loopback, before a consumer that keeps what it is given. */

import * as grpc from '@grpc/grpc-js';
import type { Consumer } from '../../core/component/define.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import type { ResourceMetricsTable } from '../../core/table/resource-metrics.ts';
import otlp, { createOtlpReceiver } from '../../receiver/otlp/index.ts';
import { configOf } from './component-config.ts';
import { createManualClock, type ManualClock } from './manual-clock.ts';
import { decodeResponse, decodeStatusBody } from './otlp-protos.ts';
import { createRecordingHost, type RecordingHost } from './recording-host.ts';
import { recordedLine, T0 } from './recordings.ts';

export interface TestReceiver {
  readonly host: RecordingHost;
  readonly clock: ManualClock;
  readonly tables: FlowTable[];
  /** Metrics that are no flows. */
  readonly passed: ResourceMetricsTable[];
  /** Bytes of all tables. */
  bytes(): number;
  /** Tables that are taken before there is no room. */
  room: number;
  /** Gives room to whoever waits for it. */
  makeRoom(tables: number): void;
  /** Every table fails from now on. */
  failing: boolean;
  readonly grpcAddress: string;
  readonly httpUrl: string;
  stop(): Promise<void>;
}

export const protocols = { grpc: { endpoint: '127.0.0.1:0' }, http: { endpoint: '127.0.0.1:0' } };

export async function startReceiver(block: object = { protocols }): Promise<TestReceiver> {
  const clock = createManualClock(T0);
  const host = createRecordingHost('otlp', clock);
  let wake = () => {};
  const test = {
    host,
    clock,
    tables: [] as FlowTable[],
    passed: [] as ResourceMetricsTable[],
    bytes: () => test.tables.reduce((sum, { measures }) => sum + measures.bytes.reduce((a, b) => a + b, 0), 0),
    room: Infinity,
    makeRoom(tables: number) {
      test.room = tables;
      wake();
    },
    failing: false,
  };
  const consumer: Consumer = {
    hasRoom: () => test.room > 0,
    waitForRoom: (signal) =>
      new Promise((resolve) => {
        wake = resolve;
        signal.addEventListener('abort', () => resolve(), { once: true });
      }),
    release: () => undefined,
    passOn(tables) {
      test.room--;
      if (test.failing) throw new Error('a processor failed');
      test.passed.push(...tables);
    },
    consume(table) {
      test.room--;
      if (test.failing) throw new Error('a processor failed');
      test.tables.push(table);
      return undefined;
    },
  };
  const receiver = createOtlpReceiver(configOf(otlp, block), host, consumer);
  await receiver.start?.();
  const { grpc, http } = receiver.ports();
  return Object.assign(test, {
    grpcAddress: `127.0.0.1:${grpc}`,
    httpUrl: `http://127.0.0.1:${http}/v1/metrics`,
    stop: async () => receiver.stop?.(),
  });
}

/** A request in OTLP/JSON with one point; see `recordedLine`. */
export const requestOf = (point: Parameters<typeof recordedLine>[0]): string => recordedLine(point).trim();

/** Several of them as one request. */
export const joined = (...requests: readonly string[]): string =>
  JSON.stringify({ resourceMetrics: requests.flatMap((request) => JSON.parse(request).resourceMetrics) });

export function post(url: string, body: string | Uint8Array, headers: Record<string, string> = {}): Promise<Response> {
  const type = typeof body === 'string' ? 'application/json' : 'application/x-protobuf';
  return fetch(url, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': type, ...headers } });
}

export interface GrpcAnswer {
  readonly code: number;
  readonly details: string;
  readonly response: object;
  readonly status: object | undefined;
}

/** One Export call with these bytes. */
export function call(
  address: string,
  body: Buffer,
  credentials = grpc.credentials.createInsecure(),
): Promise<GrpcAnswer> {
  const client = new grpc.Client(address, credentials, { 'grpc.max_send_message_length': -1 });
  const identity = (bytes: Buffer) => bytes;
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
      identity,
      identity,
      body,
      (error, response = Buffer.alloc(0)) => {
        client.close();
        const [details] = error?.metadata.get('grpc-status-details-bin') ?? [];
        resolve({
          code: error?.code ?? 0,
          details: error?.details ?? '',
          response: decodeResponse(response),
          status: details === undefined ? undefined : decodeStatusBody(details as Buffer),
        });
      },
    );
  });
}

/** A counter of points. */
export const figure = ({ host }: TestReceiver, name: string, transport: string) =>
  host.metric(`otelcol_receiver_${name}_metric_points`, `receiver="otlp",transport="${transport}"`);
