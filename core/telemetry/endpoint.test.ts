import test from 'ava';
import { WeirError } from '../errors.ts';
import { systemClock } from './clock.ts';
import { openMetricsEndpoint } from './endpoint.ts';
import { createLogger } from './log.ts';
import { registerProcessMetrics } from './process-metrics.ts';
import { createRegistry } from './registry.ts';

const logger = createLogger({ write: () => {} });

function registryWithProcess() {
  const registry = createRegistry();
  registerProcessMetrics(registry, systemClock);
  return registry;
}

test('a scrape of /metrics gives the process metrics under the collector names', async (t) => {
  const endpoint = await openMetricsEndpoint({ host: '127.0.0.1', port: 0, registry: registryWithProcess(), logger });
  t.teardown(() => endpoint.close());
  const response = await fetch(`http://127.0.0.1:${endpoint.port}/metrics`);
  t.is(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await response.text();
  for (const name of ['uptime', 'cpu_seconds', 'memory_rss', 'runtime_heap_alloc_bytes']) {
    t.regex(text, new RegExp(`^otelcol_process_${name} [0-9.e+-]+$`, 'm'));
  }
  t.regex(text, /^otelcol_process_runtime_total_sys_memory_bytes \d+$/m);
});

test('other paths and other methods are refused', async (t) => {
  const endpoint = await openMetricsEndpoint({ host: '127.0.0.1', port: 0, registry: registryWithProcess(), logger });
  t.teardown(() => endpoint.close());
  t.is((await fetch(`http://127.0.0.1:${endpoint.port}/`)).status, 404);
  t.is((await fetch(`http://127.0.0.1:${endpoint.port}/metrics`, { method: 'POST' })).status, 405);
});

test('a busy port is an error that names the key to change', async (t) => {
  const registry = registryWithProcess();
  const first = await openMetricsEndpoint({ host: '127.0.0.1', port: 0, registry, logger });
  t.teardown(() => first.close());
  const error = await t.throwsAsync(openMetricsEndpoint({ host: '127.0.0.1', port: first.port, registry, logger }), {
    instanceOf: WeirError,
  });
  t.is(error?.code, 'component/start');
  t.is(error?.message, `cannot serve self-metrics at 127.0.0.1:${first.port}: the address is already in use`);
  t.regex(error?.report() ?? '', /service::telemetry::metrics::level to none/);
});

test('closing ends at once although a scraper keeps its connection open', async (t) => {
  const endpoint = await openMetricsEndpoint({ host: '127.0.0.1', port: 0, registry: registryWithProcess(), logger });
  await (await fetch(`http://127.0.0.1:${endpoint.port}/metrics`)).text();
  await endpoint.close();
  await t.throwsAsync(fetch(`http://127.0.0.1:${endpoint.port}/metrics`));
});
