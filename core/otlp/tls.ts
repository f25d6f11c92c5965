/** The `tls` block of a client as what node's TLS takes, read at the start and, where it says so, again at times. */

import { readFile } from 'node:fs/promises';
import { createSecureContext, getCACertificates, type SecureContextOptions, type SecureVersion } from 'node:tls';
import type { Host } from '../component/define.ts';
import { WeirError } from '../errors.ts';
import type { TlsConfig } from './client-schema.ts';

const nodeVersion: Readonly<Record<string, SecureVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

export interface TlsUse {
  readonly host: Pick<Host, 'clock' | 'logger'>;
  readonly stopped: AbortSignal;
  /** What has changed is for connections from then on. */
  renewed(options: SecureContextOptions): void;
}

/**
 * Reads what the block names, and again at each `reload_interval` until `stopped`. Throws a WeirError for a file or a
 * certificate that cannot be used; later, when one was perhaps being written, what was read before stays in use.
 */
export async function loadTls(config: TlsConfig, use: TlsUse): Promise<SecureContextOptions> {
  const options = await readTls(config);
  if (config.reload_interval > 0) void follow(config, use, options);
  return options;
}

async function follow(config: TlsConfig, { host, stopped, renewed }: TlsUse, first: SecureContextOptions) {
  let inUse = JSON.stringify(first);
  for (;;) {
    await host.clock.sleep(config.reload_interval, stopped);
    if (stopped.aborted) return;
    try {
      const options = await readTls(config);
      const read = JSON.stringify(options);
      if (stopped.aborted || read === inUse) continue;
      renewed(options);
      inUse = read;
      host.logger.info('The TLS files have changed; new connections use what is in them now.');
    } catch (error) {
      host.logger.warn('The TLS files cannot be used as they are now; what was read before stays in use.', { error });
    }
  }
}

async function readTls(config: TlsConfig): Promise<SecureContextOptions> {
  const [ca, cert, key] = await Promise.all([
    pemOf('ca_file', config.ca_file, config.ca_pem),
    pemOf('cert_file', config.cert_file, config.cert_pem),
    pemOf('key_file', config.key_file, config.key_pem),
  ]);
  const minVersion = nodeVersion[config.min_version];
  const maxVersion = nodeVersion[config.max_version];
  const options: SecureContextOptions = {
    ca: [
      ...(ca === undefined ? [] : [ca]),
      ...(ca === undefined || config.include_system_ca_certs_pool ? systemCertificates() : []),
    ],
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(minVersion === undefined ? {} : { minVersion }),
    ...(maxVersion === undefined ? {} : { maxVersion }),
  };
  try {
    createSecureContext(options);
  } catch (cause) {
    throw new WeirError('component/start', `failed to load TLS config: ${(cause as Error).message}`, {
      fix: 'check that the files under tls are PEM and that the key belongs to the certificate',
      cause,
    });
  }
  return options;
}

/** A minimal image may have no certificates of its own; those that come with node then stand in. */
function systemCertificates(): readonly string[] {
  const system = getCACertificates('system');
  return system.length > 0 ? system : getCACertificates('default');
}

async function pemOf(key: string, file: string, pem: string): Promise<string | undefined> {
  if (file === '') return pem === '' ? undefined : pem;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    throw new WeirError('component/start', `failed to load TLS config: cannot read ${key} ${file}`, {
      fix: `${(cause as NodeJS.ErrnoException).code}: check the path and who may read it`,
      cause,
    });
  }
}
