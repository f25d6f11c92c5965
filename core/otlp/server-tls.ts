/** The `tls` block of a server: its keys, what cannot be right about them, and what node's TLS takes of it. */

import type { TlsOptions } from 'node:tls';
import type { ConfigProblem } from '../component/define.ts';
import { secret, text } from '../config/formats.ts';
import type { ConfigSchema, Property } from '../config/schema.ts';
import { type TlsConfig, tlsProblems } from './client-schema.ts';
import { loadTls } from './tls.ts';

export interface ServerTlsConfig {
  readonly cert_file: string;
  readonly cert_pem: string;
  readonly key_file: string;
  readonly key_pem: string;
  readonly client_ca_file: string;
  readonly min_version: string;
  readonly max_version: string;
}

const optionalText = (doc: string): Property<string> => ({ format: text, default: '', doc });

/** `clients`: who connects, as a plural. */
export const serverTlsSchema = (clients: string): ConfigSchema<ServerTlsConfig> => ({
  cert_file: optionalText('File with the certificate of this server, PEM; without one there is no TLS.'),
  cert_pem: optionalText('In place of `cert_file`: the PEM text itself.'),
  key_file: optionalText('File with the key of that certificate, PEM.'),
  key_pem: { format: secret, default: '', doc: 'In place of `key_file`: the PEM text itself; secret.' },
  client_ca_file: optionalText(`File with the certificates that ${clients} must show one of, PEM; empty: anybody may.`),
  min_version: { format: text, default: '1.2', doc: 'Oldest TLS version: `1.0`, `1.1`, `1.2` or `1.3`.' },
  max_version: optionalText('Newest TLS version; empty: the newest there is.'),
});

/** The block as that of a client, whose loading and checks are the same. */
const clientTlsOf = ({ client_ca_file, ...tls }: ServerTlsConfig): TlsConfig => ({
  ...tls,
  insecure: false,
  insecure_skip_verify: false,
  server_name_override: '',
  ca_file: client_ca_file,
  ca_pem: '',
  include_system_ca_certs_pool: false,
});

export function serverTlsProblems(tls: ServerTlsConfig): readonly ConfigProblem[] {
  const problems = tlsProblems(clientTlsOf(tls));
  if (tls.client_ca_file === '' || tls.cert_file !== '' || tls.cert_pem !== '') return problems;
  const message = 'client_ca_file needs a certificate of the server, without which there is no TLS';
  return [...problems, { path: ['tls', 'client_ca_file'], message, fix: 'add cert_file and key_file' }];
}

/** Reads what the block names; undefined: no TLS. Throws a WeirError for what cannot be used. */
export async function loadServerTls(config: ServerTlsConfig): Promise<TlsOptions | undefined> {
  if (config.cert_file === '' && config.cert_pem === '') return undefined;
  const { ca, ...options } = await loadTls(clientTlsOf(config));
  if (config.client_ca_file === '') return options;
  return { ...options, ...(ca === undefined ? {} : { ca }), requestCert: true, rejectUnauthorized: true };
}
