/** The `tls` block of a server: its keys, what cannot be right about them, and what node's TLS takes of it. */

import type { SecureContextOptions, TlsOptions } from 'node:tls';
import type { ConfigProblem, Host } from '../component/define.ts';
import { text } from '../config/formats.ts';
import type { ConfigSchema, Property } from '../config/schema.ts';
import { pemText, reloadInterval, type TlsConfig, tlsProblems } from './client-schema.ts';
import { loadTls } from './tls.ts';

export interface ServerTlsConfig {
  readonly cert_file: string;
  readonly cert_pem: string;
  readonly key_file: string;
  readonly key_pem: string;
  readonly client_ca_file: string;
  readonly min_version: string;
  readonly max_version: string;
  /** Milliseconds; 0: never. */
  readonly reload_interval: number;
}

const optionalText = (doc: string): Property<string> => ({ format: text, default: '', doc });

/** `clients`: who connects, as a plural. */
export const serverTlsSchema = (clients: string): ConfigSchema<ServerTlsConfig> => ({
  cert_file: optionalText('File with the certificate of this server, PEM; without one there is no TLS.'),
  cert_pem: pemText('cert_file'),
  key_file: optionalText('File with the key of that certificate, PEM.'),
  key_pem: pemText('key_file'),
  client_ca_file: optionalText(`File with the certificates that ${clients} must show one of, PEM; empty: anybody may.`),
  min_version: { format: text, default: '1.2', doc: 'Oldest TLS version: `1.0`, `1.1`, `1.2` or `1.3`.' },
  max_version: optionalText('Newest TLS version; empty: the newest there is.'),
  reload_interval: reloadInterval,
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

/** What `renewed` is called with is for connections from then on. */
export interface ServerTlsUse {
  readonly host: Pick<Host, 'clock' | 'logger'>;
  readonly stopped: AbortSignal;
  renewed(options: TlsOptions): void;
}

/**
 * Reads what the block names, and again at each `reload_interval` until `stopped`; undefined: no TLS. Throws a WeirError
 * for what cannot be used.
 */
export async function loadServerTls(config: ServerTlsConfig, use: ServerTlsUse): Promise<TlsOptions | undefined> {
  if (config.cert_file === '' && config.cert_pem === '') return undefined;
  const optionsOf = ({ ca, ...options }: SecureContextOptions): TlsOptions =>
    config.client_ca_file === ''
      ? options
      : { ...options, ...(ca === undefined ? {} : { ca }), requestCert: true, rejectUnauthorized: true };
  const renewed = (options: SecureContextOptions) => use.renewed(optionsOf(options));
  return optionsOf(await loadTls(clientTlsOf(config), { ...use, renewed }));
}
