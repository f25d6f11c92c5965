/** Series of workloads that Kubernetes has: they outlive max_stale, and end with the workload. */

import test from 'ava';
import { Accumulator } from '../../core/table/cumulative.ts';
import { flowMetrics } from '../../core/table/metrics.ts';
import { createMetricsOfFlows } from '../../core/table/metrics-of-flows.ts';
import { change, setUp } from '../../test/support/kubernetes-flows.ts';
import { pod, slice } from '../../test/support/kubernetes-objects.ts';

const MAX_STALE_MS = 300_000;

test('a quiet series of a workload is kept while its pod exists, and forgotten when it is gone', async (t) => {
  const { api, store, clock, out } = await setUp(t);
  const accumulator = new Accumulator({ maxStaleMs: MAX_STALE_MS, maxStreams: 100 });
  const metricsOfFlows = createMetricsOfFlows();
  const attributes = ['k8s.src.owner.name', 'k8s.dst.owner.name', 'direction'];
  /** A window with this flow; gives how many series have a sum then. */
  const window = (dst: string, afterMs: number) => {
    clock.advance(afterMs);
    for (const table of out([{ src: '10.244.1.5', dst }])) {
      if (table.kind === 'flows')
        accumulator.accumulate(metricsOfFlows(table, [{ metric: flowMetrics[0]!, attributes }]));
    }
    return accumulator.tracked;
  };
  t.is(window('10.244.2.7', 0), 1);
  t.is(window('192.168.1.2', 3 * MAX_STALE_MS), 2, 'client to cart is silent, and cart is there');

  const isKnown = () => store.identityAt('10.244.2.7', Number(clock.nowNs() / 1_000_000n)) !== undefined;
  const goes = () => {
    api.delete(pod({ name: 'cart-5d78c-x2x', namespace: 'shop' }));
    api.delete(slice({ name: 'cart-1', namespace: 'shop', service: 'cart', addresses: [], port: 8080 }));
  };
  await change(api, goes, () => !isKnown());
  window('192.168.1.2', 1000);
  t.is(window('192.168.1.2', 2 * MAX_STALE_MS), 1, 'cart is gone');
});
