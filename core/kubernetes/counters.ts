/** Self-metrics of the store: how many objects come, change and go, and how many are known. */

import type { MetricRegistry } from '../telemetry/metrics.ts';
import type { KubernetesRecord } from './objects.ts';

/** Names of the collector's own processor where it has one. */
export function createCounters(metrics: MetricRegistry) {
  return {
    event(kind: KubernetesRecord['kind'], change: string) {
      const name = `otelcol_otelsvc_k8s_${kind.toLowerCase()}_${change}`;
      metrics.counter({ name, help: `Objects of kind ${kind} that the Kubernetes API said were ${change}.` }).add(1);
    },
    sizes(read: () => Readonly<Record<'pods' | 'nodes' | 'services' | 'addresses', number>>) {
      const gauge = metrics.gauge({ name: 'otelcol_kubernetes_known', help: 'What is known of the cluster, by kind.' });
      metrics.onScrape(() => {
        for (const [kind, count] of Object.entries(read())) gauge.set(count, { kind });
      });
    },
  };
}
