import test from 'ava';
import { problemsOf } from '../../test/support/component-config.ts';
import otlpGrpc from './index.ts';

for (const [endpoint, message] of [
  ['', 'requires a non-empty "endpoint"'],
  ['https://', 'requires a non-empty "endpoint"'],
  ['localhost', 'address localhost: missing port in address'],
  ['::1:4317', 'address ::1:4317: too many colons in address'],
  ['localhost:http', 'invalid port "http"'],
  ['localhost:0', 'invalid port "0"'],
  ['localhost:65536', 'invalid port "65536"'],
  ['http://localhost:4317/', 'invalid port "4317/"'],
  ['dns:///localhost', 'address localhost: missing port in address'],
  [':4317', 'address :4317: missing host in address'],
  ['unix://', 'unix socket path cannot be empty'],
] as const) {
  test(`the endpoint "${endpoint}" is refused when the configuration is loaded`, (t) => {
    t.deepEqual(problemsOf(otlpGrpc, { endpoint }), [`endpoint: ${message}`]);
  });
}

for (const endpoint of ['localhost:4317', 'https://a.example:443', '[::1]:4317', 'dns:///a:4317', 'unix:///run/otlp']) {
  test(`the endpoint "${endpoint}" is accepted`, (t) => {
    t.deepEqual(problemsOf(otlpGrpc, { endpoint }), []);
  });
}

test('settings that contradict each other are refused in the words of the collector', (t) => {
  t.deepEqual(
    problemsOf(otlpGrpc, {
      endpoint: 'localhost:4317',
      tls: { ca_file: 'a', ca_pem: 'b', cert_file: 'c', min_version: '1.3', max_version: '1.2' },
      sending_queue: { queue_size: 0 },
      retry_on_failure: { randomization_factor: 2, max_elapsed_time: '1s' },
    }),
    [
      'tls::ca_pem: provide either a CA file or the PEM-encoded string, but not both',
      'tls::cert_file: TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)',
      'tls::max_version: invalid TLS configuration: min_version cannot be greater than max_version',
      'sending_queue::queue_size: `queue_size` must be positive',
      'retry_on_failure::randomization_factor: randomization_factor value must be less than or equal to 1',
      "retry_on_failure::max_elapsed_time: 'max_elapsed_time' must not be less than 'initial_interval'",
      "retry_on_failure::max_elapsed_time: 'max_elapsed_time' must not be less than 'max_interval'",
    ],
  );
  t.deepEqual(problemsOf(otlpGrpc, { endpoint: 'localhost:4317', tls: { min_version: '1.4' } }), [
    'tls::min_version: unsupported TLS version: "1.4"',
  ]);
});
