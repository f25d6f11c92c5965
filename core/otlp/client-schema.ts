/** The configuration keys that OTLP clients share: `tls`, `headers`, `compression`. */

import { validateHeaderName, validateHeaderValue } from 'node:http';
import type { ConfigProblem } from '../component/define.ts';
import { boolean, duration, headers, oneOf, secret, text } from '../config/formats.ts';
import type { ConfigSchema, Property } from '../config/schema.ts';
import type { Compression } from './compression.ts';

export interface TlsConfig {
  readonly insecure: boolean;
  readonly insecure_skip_verify: boolean;
  readonly server_name_override: string;
  readonly ca_file: string;
  readonly ca_pem: string;
  readonly include_system_ca_certs_pool: boolean;
  readonly cert_file: string;
  readonly cert_pem: string;
  readonly key_file: string;
  readonly key_pem: string;
  readonly min_version: string;
  readonly max_version: string;
  /** Milliseconds; 0: never. */
  readonly reload_interval: number;
}

const optionalText = (doc: string): Property<string> => ({ format: text, default: '', doc });

/** All three are secret, as upstream has them. */
export const pemText = (file: string): Property<string> => ({
  format: secret,
  default: '',
  doc: `In place of \`${file}\`: the PEM text itself; secret.`,
});

export const reloadInterval: Property<number> = {
  format: duration,
  default: 0,
  doc: 'How often the files are read again, for new connections, such as `1h`; `0s`: at the start only.',
};

export const tlsSchema: ConfigSchema<TlsConfig> = {
  insecure: { format: boolean, default: false, doc: 'Send without TLS.' },
  insecure_skip_verify: { format: boolean, default: false, doc: "Do not check the server's certificate." },
  server_name_override: optionalText('The name that the certificate must carry, where it is not that of the endpoint.'),
  ca_file: optionalText('File with the certificates to trust, PEM; empty: those of the system.'),
  ca_pem: pemText('ca_file'),
  include_system_ca_certs_pool: {
    format: boolean,
    default: false,
    doc: 'Trust the certificates of the system as well.',
  },
  cert_file: optionalText('File with the certificate of this client, PEM.'),
  cert_pem: pemText('cert_file'),
  key_file: optionalText('File with the key of that certificate, PEM.'),
  key_pem: pemText('key_file'),
  min_version: { format: text, default: '1.2', doc: 'Oldest TLS version: `1.0`, `1.1`, `1.2` or `1.3`.' },
  max_version: optionalText('Newest TLS version; empty: the newest there is.'),
  reload_interval: reloadInterval,
};

export const headersSchema: Property<Readonly<Record<string, string>>> = {
  format: headers,
  default: {},
  doc: 'Headers of every request, as a map or a list of `{name, value}`; values are secret.',
};

export const compressionSchema = <const Kind extends Compression>(...kinds: readonly Kind[]): Property<Kind> => ({
  format: oneOf(...kinds),
  default: 'gzip',
  doc: `How bodies are compressed: ${kinds.map((kind) => `\`${kind}\``).join(', ')}.`,
});

export function tlsProblems(config: TlsConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: keyof TlsConfig, message: string, fix: string) =>
    problems.push({ path: ['tls', key], message, fix });
  if (config.ca_file !== '' && config.ca_pem !== '') {
    refuse('ca_pem', 'provide either a CA file or the PEM-encoded string, but not both', 'remove ca_file or ca_pem');
  }
  for (const kind of ['cert', 'key'] as const) {
    if (config[`${kind}_file`] !== '' && config[`${kind}_pem`] !== '') {
      const what = kind === 'cert' ? 'certificate' : 'key';
      refuse(`${kind}_pem`, `provide either a ${what} or the PEM-encoded string, but not both`, `remove ${kind}_pem`);
    }
  }
  const hasCertificate = config.cert_file !== '' || config.cert_pem !== '';
  const hasKey = config.key_file !== '' || config.key_pem !== '';
  if (hasCertificate !== hasKey) {
    refuse(
      hasCertificate ? 'cert_file' : 'key_file',
      'TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)',
      `add ${hasCertificate ? 'key_file or key_pem' : 'cert_file or cert_pem'}`,
    );
  }
  problems.push(...versionProblems(config));
  return problems;
}

const versions = ['1.0', '1.1', '1.2', '1.3'];

function versionProblems(config: TlsConfig): readonly ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const key of ['min_version', 'max_version'] as const) {
    if (config[key] === '' || versions.includes(config[key])) continue;
    const message = `unsupported TLS version: "${config[key]}"`;
    problems.push({ path: ['tls', key], message, fix: `one of ${versions.join(', ')}, in quotes` });
  }
  if (problems.length > 0 || config.min_version === '' || config.max_version === '') return problems;
  if (versions.indexOf(config.min_version) <= versions.indexOf(config.max_version)) return problems;
  const message = 'invalid TLS configuration: min_version cannot be greater than max_version';
  return [{ path: ['tls', 'max_version'], message, fix: `write ${config.min_version} or newer` }];
}

export function headerProblems(headers: Readonly<Record<string, string>>, key = 'headers'): readonly ConfigProblem[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      return [];
    } catch {
      // The thrown text may hold the value, which is secret.
      const message = `header "${name}" cannot be sent`;
      return [{ path: [key, name], message, fix: 'names are letters, digits and -, values one line of text' }];
    }
  });
}
