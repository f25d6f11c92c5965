import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import test from 'ava';
import { configOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { tableOf } from '../../test/support/metric-tables.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import otlpGrpc from './index.ts';

// grpc-js would keep the socket open for ever, and with it the process.
test('a server that never ends its TLS handshake is let go at the stop', async (t) => {
  const server = createServer((socket) => void socket.resume());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const clock = createManualClock();
  const exporter = otlpGrpc.create(
    configOf(otlpGrpc, { endpoint, timeout: '4s' }),
    createRecordingHost('otlp_grpc', clock),
  );
  await exporter.start?.();
  exporter.export([tableOf([{ attributes: {}, value: 1 }])]);
  const [socket] = await once(server, 'connection');
  const closed = once(socket, 'close');
  const stopped = exporter.stop?.();
  clock.advance(4000);
  await stopped;
  await t.notThrowsAsync(closed);
  server.close();
});
