/** The components of this build, one line each. A component that is not here does not exist for the configuration. */

import type { Component } from './core/component/define.ts';
import debug from './exporters/debug/index.ts';
import file from './exporters/file/index.ts';
import otlpGrpc from './exporters/otlp_grpc/index.ts';
import otlpHttp from './exporters/otlp_http/index.ts';
import prometheus from './exporters/prometheus/index.ts';
import healthCheck from './extensions/health_check/index.ts';
import zpages from './extensions/zpages/index.ts';
import attributeSelect from './processors/attribute_select/index.ts';
import cidr from './processors/cidr/index.ts';
import deltaToCumulative from './processors/delta_to_cumulative/index.ts';
import filter from './processors/filter/index.ts';
import interval from './processors/interval/index.ts';
import k8sAttributes from './processors/k8s_attributes/index.ts';
import reverseDns from './processors/reverse_dns/index.ts';
import zone from './processors/zone/index.ts';
import ebpfNetwork from './receiver/ebpf_network/index.ts';
import otlp from './receiver/otlp/index.ts';
import replay from './receiver/replay/index.ts';

export const components: readonly Component[] = [
  ebpfNetwork,
  replay,
  otlp,
  k8sAttributes,
  cidr,
  zone,
  reverseDns,
  filter,
  attributeSelect,
  deltaToCumulative,
  interval,
  debug,
  file,
  otlpGrpc,
  otlpHttp,
  prometheus,
  healthCheck,
  zpages,
];
