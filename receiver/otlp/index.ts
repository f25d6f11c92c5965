/** Receives OTLP metrics by gRPC and HTTP. Points that are flows become flow tables, as if they were counted here. */

import { type Consumer, defineReceiver, type Host, type Receiver } from '../../core/component/define.ts';
import { shownAddress } from '../../core/network/listen.ts';
import { flowAttributes } from '../../core/table/flow-columns.ts';
import { type OtlpConfig, problemsOf, schema } from './config.ts';
import { createGrpcServer } from './grpc-server.ts';
import { createHttpServer } from './http-server.ts';
import { createIntake } from './intake.ts';
import type { RunningServer } from './serving.ts';

export default defineReceiver<OtlpConfig>({
  type: 'otlp',
  stability: 'alpha',
  description: 'Receives metrics by OTLP, gRPC and HTTP; flows of other agents are flows here.',
  config: schema,
  adds: flowAttributes,
  validate: problemsOf,
  create: createOtlpReceiver,
});

/** Ports are those of the running servers, which took a free one where 0 was asked for. */
export type OtlpReceiver = Receiver & { ports(): { readonly grpc?: number; readonly http?: number } };

export function createOtlpReceiver(config: OtlpConfig, host: Host, consumer: Consumer): OtlpReceiver {
  const { grpc, http } = config.protocols;
  const intake = createIntake(host, consumer);
  const servers: Readonly<Record<'grpc' | 'http', RunningServer | undefined>> = {
    grpc: grpc === null ? undefined : createGrpcServer(host, grpc, intake),
    http: http === null ? undefined : createHttpServer(host, http, intake),
  };
  const ports: { grpc?: number; http?: number } = {};
  return {
    ports: () => ports,
    async start() {
      for (const key of ['grpc', 'http'] as const) {
        const server = servers[key];
        if (server === undefined) continue;
        const port = await server.start();
        ports[key] = port;
        const endpoint = shownAddress({ ...server.address, port });
        host.logger.info(`Starting ${server.protocol} server`, { endpoint });
      }
    },
    async stop() {
      await Promise.all([servers.grpc?.stop(), servers.http?.stop()]);
      await intake.stop();
      consumer.release();
    },
  };
}
