/**
 * An OTLP gRPC server for the agent bench: keeps request bodies as they come, so that it takes little of the machine
 * while the agent is measured, and adds up the points when it is told to end (SIGTERM).
 *
 *   sum-sink.ts HOST:PORT
 */

import * as grpc from '@grpc/grpc-js';
import { decodeRequest } from '../../test/support/otlp-protos.ts';
import { pointsOf, type ReceivedPoint } from '../../test/support/received-points.ts';

const bodies: Buffer[] = [];
const same = (bytes: Buffer) => bytes;

const server = new grpc.Server();
server.addService(
  {
    Export: {
      path: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
      requestStream: false,
      responseStream: false,
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    },
  },
  {
    Export(call: grpc.ServerUnaryCall<Buffer, Buffer>, respond: grpc.sendUnaryData<Buffer>) {
      bodies.push(Buffer.from(call.request));
      respond(null, Buffer.alloc(0));
    },
  },
);
await new Promise<void>((resolve, reject) =>
  server.bindAsync(process.argv[2] ?? '127.0.0.1:4317', grpc.ServerCredentials.createInsecure(), (error) =>
    error ? reject(error) : resolve(),
  ),
);
process.stdout.write('listening\n');

/** Deltas add up; of a cumulative series the last point is the whole. */
function total(unit: string): number {
  const last = new Map<string, number>();
  let deltas = 0;
  const add = (point: ReceivedPoint) => {
    if (point.unit !== unit) return;
    if (point.temporality === 'delta') deltas += point.value;
    else last.set(JSON.stringify(point.attributes), point.value);
  };
  for (const body of bodies) pointsOf(decodeRequest(body)).forEach(add);
  return deltas + [...last.values()].reduce((sum, value) => sum + value, 0);
}

process.once('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify({ bytes: total('By'), packets: total('{packet}') })}\n`, () =>
    process.exit(0),
  );
});
