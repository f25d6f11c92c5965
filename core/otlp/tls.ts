/** The `tls` block of a client as what node's TLS takes. Files are read at start, so a renewed one needs a restart. */

import { readFile } from 'node:fs/promises';
import { createSecureContext, getCACertificates, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { WeirError } from '../errors.ts';
import type { TlsConfig } from './client-schema.ts';

const nodeVersion: Readonly<Record<string, SecureVersion>> = {
  '1.0': 'TLSv1',
  '1.1': 'TLSv1.1',
  '1.2': 'TLSv1.2',
  '1.3': 'TLSv1.3',
};

/** Reads what the block names; throws a WeirError for a file or a certificate that cannot be used. */
export async function loadTls(config: TlsConfig): Promise<SecureContextOptions> {
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
