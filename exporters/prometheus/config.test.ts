import test from 'ava';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { resourceLabelRule } from './config.ts';
import prometheus from './index.ts';

const endpoint = 'localhost:8889';

test('what cannot work is refused when the configuration is loaded', (t) => {
  const problems = (block: object) => problemsOf(prometheus, { endpoint, ...block });
  t.deepEqual(problemsOf(prometheus, {}), ['endpoint: requires a non-empty "endpoint"']);
  t.deepEqual(problems({ endpoint: 'localhost' }), ['endpoint: address localhost: missing port in address']);
  t.deepEqual(problems({ endpoint: '::1:8889' }), ['endpoint: address ::1:8889: too many colons in address']);
  t.deepEqual(problems({ endpoint: 'localhost:65536' }), ['endpoint: invalid port "65536"']);
  t.deepEqual(problems({ metric_expiration: 0 }), ['metric_expiration: metric_expiration must be a positive duration']);
  t.deepEqual(problems({ translation_strategy: 'NoTranslation' }), [
    'translation_strategy: translation_strategy NoTranslation is not available',
  ]);
  t.deepEqual(problems({ resource_constant_labels: { included: ['k8s.[a'] } }), [
    'resource_constant_labels::included: invalid glob "k8s.[a"',
  ]);
  t.deepEqual(problems({ tls: { client_ca_file: '/ca.pem' } }), [
    'tls::client_ca_file: client_ca_file needs a certificate of the server, without which there is no TLS',
  ]);
  t.deepEqual(problems({ tls: { cert_file: '/cert.pem' } }), [
    'tls::cert_file: TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)',
  ]);
  t.deepEqual(problems({ response_headers: { 'a b': 'c' } }), ['response_headers::a b: header "a b" cannot be sent']);
});

test('constant labels that would be one, or one of the exporter, are refused', (t) => {
  const problems = (const_labels: object) => problemsOf(prometheus, { endpoint, const_labels });
  t.deepEqual(problems({ cluster: 'dev', 'the.team': 'net' }), []);
  t.deepEqual(problems({ 'a.b': 'x', a_b: 'y' }), ['const_labels::a_b: "a.b" and "a_b" are the same label a_b']);
  t.deepEqual(problems({ job: 'x' }), ['const_labels::job: label job is set by the exporter itself']);
  t.deepEqual(problems({ src_address: 'x', 'network.transport': 'y' }), [
    'const_labels::src_address: label src_address is that of the attribute src.address',
    'const_labels::network.transport: label network_transport is that of the attribute network.transport',
  ]);
  t.deepEqual(problems({ '..': 'x' }), ['const_labels::..: ".." cannot be a label']);
  t.deepEqual(problems({ cluster: 7 }), [
    "const_labels::cluster: expected type 'string', got unconvertible type 'int'",
  ]);
});

test('which attributes of a resource are labels is said by globs, or by the old switch', (t) => {
  const names = ['service.name', 'host.name', 'k8s.node.name', 'k8s.cluster.name'];
  const chosen = (block: object) => names.filter(resourceLabelRule(configOf(prometheus, { endpoint, ...block })));
  t.deepEqual(chosen({}), []);
  t.deepEqual(chosen({ resource_constant_labels: { included: ['k8s.*'], excluded: ['*.node.*'] } }), [
    'k8s.cluster.name',
  ]);
  t.deepEqual(chosen({ resource_constant_labels: { excluded: ['k8s.*'] } }), ['service.name', 'host.name']);
  t.deepEqual(chosen({ resource_to_telemetry_conversion: { enabled: true } }), names);
  const old = { resource_to_telemetry_conversion: { enabled: true, exclude_service_attributes: true } };
  t.deepEqual(chosen(old), names.slice(1));
  t.deepEqual(chosen({ ...old, resource_constant_labels: { included: ['host.*'] } }), ['host.name']);
});
