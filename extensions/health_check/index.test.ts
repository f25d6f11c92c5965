import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { Host, ServiceView } from '../../core/component/define.ts';
import { decodeBlock } from '../../core/config/block.ts';
import { reportOf } from '../../core/errors.ts';
import { systemClock } from '../../core/telemetry/clock.ts';
import { createLogger } from '../../core/telemetry/log.ts';
import { createOperations } from '../../core/telemetry/operations.ts';
import { createRegistry } from '../../core/telemetry/registry.ts';
import healthCheck, { type HealthCheckConfig } from './index.ts';

const service: ServiceView = { pipelines: [], extensions: ['health_check'], operations: createOperations(systemClock) };

type Block = Partial<Omit<HealthCheckConfig, 'response_body'>> & { response_body?: object };

const configOf = (block: Block): HealthCheckConfig => {
  const { config } = decodeBlock<HealthCheckConfig>(healthCheck.config, undefined);
  return { ...config, ...block, response_body: { ...config.response_body, ...block.response_body } };
};

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function setUp(block: Block = {}) {
  const lines: string[] = [];
  let nowNs = 1_796_000_000_250_000_000n;
  const host: Host = {
    id: 'health_check',
    logger: createLogger({ write: (line) => lines.push(line) }),
    metrics: createRegistry(),
    clock: { ...systemClock, nowNs: () => nowNs },
    build: { command: 'weir', version: '0.0.0' },
  };
  const port = await freePort();
  const extension = healthCheck.create(configOf({ endpoint: `127.0.0.1:${port}`, ...block }), host, service);
  await extension.start?.();
  return {
    extension,
    port,
    lines,
    pass: (ms: number) => {
      nowNs += BigInt(ms) * 1_000_000n;
    },
    async ask(path = '/') {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      return {
        status: response.status,
        type: response.headers.get('content-type'),
        body: await response.text(),
      };
    },
  };
}

test('it is unavailable until all has started, and again from the moment it stops', async (t) => {
  const { extension, ask, pass, lines } = await setUp();
  const unavailable = {
    status: 503,
    type: 'application/json',
    body: '{"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""}',
  };
  t.deepEqual(await ask(), unavailable);
  extension.ready?.();
  const since = '{"status":"Server available","upSince":"2026-11-30T00:53:20.250Z","uptime":';
  for (const [ms, uptime] of [
    [0, '0s'],
    [250, '250ms'],
    [61_750, '1m2s'],
    [300, '1m2.3s'],
    [3_600_000, '1h1m2.3s'],
  ] as const) {
    pass(ms);
    t.deepEqual(await ask('/?probe=1'), { status: 200, type: 'application/json', body: `${since}"${uptime}"}` });
  }
  extension.notReady?.();
  t.deepEqual(await ask(), unavailable);
  await extension.stop?.();
  await t.throwsAsync(ask());
  t.deepEqual(
    lines.flatMap((line) => /"status":"(\w+)"/.exec(line)?.[1] ?? []),
    ['ready', 'unavailable'],
  );
});

test('it answers at its path alone, with the texts of the configuration', async (t) => {
  const { extension, ask } = await setUp({ path: '/live', response_body: { healthy: 'fine', unhealthy: 'wait' } });
  const type = 'text/plain; charset=utf-8';
  t.deepEqual(await ask('/live'), { status: 503, type, body: 'wait' });
  extension.ready?.();
  t.deepEqual(await ask('/live'), { status: 200, type, body: 'fine' });
  t.is((await ask('/')).status, 404);
  await extension.stop?.();
});

test('a port that is taken, and an endpoint or path that cannot be, are said with their fix', async (t) => {
  const { extension, port } = await setUp();
  const host: Host = {
    id: 'health_check',
    logger: createLogger({ write: () => undefined }),
    metrics: createRegistry(),
    clock: systemClock,
    build: { command: 'weir', version: '0.0.0' },
  };
  const second = healthCheck.create(configOf({ endpoint: `127.0.0.1:${port}` }), host, service);
  const error = await t.throwsAsync(second.start?.() ?? Promise.resolve());
  t.regex(reportOf(error), /cannot serve the health check at 127\.0\.0\.1:\d+: the address is already in use/);
  await second.stop?.();
  await extension.stop?.();
  const wrong = (block: Block) => healthCheck.validate?.(configOf(block)).map(({ message }) => message);
  t.deepEqual(wrong({ endpoint: 'localhost:70000' }), ['invalid port "70000"']);
  t.deepEqual(wrong({ endpoint: '' }), ['requires a non-empty "endpoint"']);
  t.deepEqual(wrong({ path: 'live' }), ['bad config: path must start with /']);
  t.deepEqual(wrong({}), []);
});
