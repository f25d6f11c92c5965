/**
 * Lets grpc-js send bodies that were compressed before. Its own gzip has no level and compresses again at each attempt:
 * 5.2 ms of CPU a megabyte, where level 1 takes 1.9 (see core/otlp/compression.ts). There is no public way, so this
 * adds a filter behind the one that frames messages; the package's version is pinned, and a test looks at the wire.
 */

import type { Client, experimental, Metadata } from '@grpc/grpc-js';
import { WeirError } from '../../core/errors.ts';

type FilterFactory = experimental.FilterFactory<experimental.Filter>;

/** Declares every message of this client to be gzip, as its first byte on the wire and in the headers. */
export function declareGzip(client: Client, grpc: typeof import('@grpc/grpc-js')): void {
  const channel = client.getChannel() as unknown as {
    readonly internalChannel?: { readonly filterStackFactory?: { readonly factories?: FilterFactory[] } };
  };
  const factories = channel.internalChannel?.filterStackFactory?.factories;
  if (factories === undefined) {
    throw new WeirError('component/start', 'this version of @grpc/grpc-js does not take compressed messages', {
      fix: 'install the version that package-lock.json names, or set compression: none',
    });
  }

  class GzipFilter extends grpc.experimental.BaseFilter {
    override async sendMetadata(metadata: Promise<Metadata>): Promise<Metadata> {
      const headers = await metadata;
      headers.set('grpc-encoding', 'gzip');
      return headers;
    }
    override async sendMessage<Message extends { readonly message: Buffer }>(
      message: Promise<Message>,
    ): Promise<Message> {
      const framed = await message;
      framed.message[0] = 1;
      return framed;
    }
  }
  factories.push({ createFilter: () => new GzipFilter() });
}
