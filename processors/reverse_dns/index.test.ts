import test, { type ExecutionContext } from 'ava';
import type { Processor } from '../../core/component/define.ts';
import { EndpointDimension } from '../../core/table/dimension.ts';
import { withEndpointAttribute } from '../../core/table/endpoint-columns.ts';
import type { FlowTable } from '../../core/table/flow-table.ts';
import { createTestFlows, valuesOf } from '../../core/table/testing.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { createManualClock } from '../../test/support/manual-clock.ts';
import { type Behaviour, type NameServer, startNameServer } from '../../test/support/name-server.ts';
import { createRecordingHost, type RecordingHost } from '../../test/support/recording-host.ts';
import reverseDns from './index.ts';

const HOUR_MS = 3_600_000;
const nameFor = (address: string): Behaviour => ({ names: [`host-${address.replaceAll('.', '-')}.example`] });

async function server(t: ExecutionContext, behaviourOf = nameFor): Promise<NameServer> {
  const started = await startNameServer(behaviourOf);
  t.teardown(started.close);
  return started;
}

async function start(t: ExecutionContext, { address }: NameServer, host: RecordingHost, block: object = {}) {
  const processor = reverseDns.create(configOf(reverseDns, { servers: [address], ...block }), host);
  await processor.start?.();
  t.teardown(() => processor.stop?.());
  return processor;
}

const newHost = () => createRecordingHost('reverse_dns', createManualClock());

function namesOf(processor: Processor, table: FlowTable, end: 'src' | 'dst' = 'dst') {
  const [named] = processor.flows!(table);
  if (named?.kind !== 'flows') throw new Error('no flows');
  return valuesOf(named, `${end}.name`);
}

/** Until so many look-ups ended, whatever they brought. */
async function untilLookedUp(host: RecordingHost, lookups: number): Promise<void> {
  const results = () => host.text().matchAll(/^otelcol_reverse_dns_lookups_total\{.*\} (\d+)$/gm);
  const ended = () => [...results()].reduce((sum, [, count]) => sum + Number(count), 0);
  while (ended() < lookups) await new Promise((resolve) => setImmediate(resolve));
}

test('a table waits for no name; the names are in the next one, and no server is asked again', async (t) => {
  const dns = await server(t);
  dns.hold();
  const host = newHost();
  const processor = await start(t, dns, host);
  const tables = createTestFlows();
  const flows = [
    { src: '10.0.0.1', dst: '192.0.2.1' },
    { src: '192.0.2.1', dst: '10.0.0.1' },
  ];
  t.deepEqual(namesOf(processor, tables(flows)), ['192.0.2.1', '10.0.0.1']);
  t.deepEqual(namesOf(processor, tables(flows)), ['192.0.2.1', '10.0.0.1']);
  dns.release();
  await untilLookedUp(host, 2);
  t.deepEqual(namesOf(processor, tables(flows)), ['host-192-0-2-1.example', 'host-10-0-0-1.example']);
  t.deepEqual(namesOf(processor, tables(flows), 'src'), ['host-10-0-0-1.example', 'host-192-0-2-1.example']);
  t.deepEqual([...dns.asked].sort(), ['10.0.0.1', '192.0.2.1']);
});

test('only addresses that nothing else named are looked up, and none of a host, a link or many at once', async (t) => {
  const dns = await server(t);
  const host = newHost();
  const processor = await start(t, dns, host);
  const table = createTestFlows()([
    { src: '10.0.0.1', dst: '10.0.0.2' },
    { src: '127.0.0.1', dst: '224.0.0.251' },
    { src: 'fe80::1', dst: 'ff02::fb' },
    { src: '169.254.1.1', dst: '255.255.255.255' },
  ]);
  const { endpoints } = table.ends;
  const pods = endpoints.derive({}, (code) => (code === 0 ? 'checkout-7d9f' : endpoints.addresses.at(code)));
  const named = withEndpointAttribute(table, '{end}.name', pods);
  namesOf(processor, named);
  await untilLookedUp(host, 1);
  t.deepEqual(namesOf(processor, named, 'src'), ['checkout-7d9f', '127.0.0.1', 'fe80::1', '169.254.1.1']);
  t.deepEqual(namesOf(processor, named)[0], 'host-10-0-0-2.example');
  t.deepEqual(dns.asked, ['10.0.0.2']);
});

test('no name, no answer and a failure leave the address, and are not asked for again until they expire', async (t) => {
  const behaviours: Readonly<Record<string, Behaviour>> = {
    '10.0.0.1': { code: 'nxdomain' },
    '10.0.0.2': { empty: true },
    '10.0.0.3': { code: 'servfail' },
  };
  const dns = await server(t, (address) => behaviours[address]!);
  const clock = createManualClock();
  const host = createRecordingHost('reverse_dns', clock);
  const processor = await start(t, dns, host, { negative_cache_expiry: '5m' });
  const tables = createTestFlows();
  const flows = Object.keys(behaviours).map((dst) => ({ src: '127.0.0.1', dst }));
  namesOf(processor, tables(flows));
  await untilLookedUp(host, 3);
  const questions = dns.asked.length;
  clock.advance(299_999);
  t.deepEqual(namesOf(processor, tables(flows)), Object.keys(behaviours));
  t.is(dns.asked.length, questions);
  clock.advance(1);
  namesOf(processor, tables(flows.slice(0, 1)));
  await untilLookedUp(host, 4);
  t.deepEqual(dns.asked.slice(questions), ['10.0.0.1']);
});

test('a name that expired is asked for when its address has traffic, and changes when the new one is there', async (t) => {
  let suffix = 'old';
  const dns = await server(t, () => ({ names: [`${suffix}.example`] }));
  const clock = createManualClock();
  const host = createRecordingHost('reverse_dns', clock);
  const processor = await start(t, dns, host, { cache_expiry: '1h' });
  const tables = createTestFlows();
  const [one, other] = [
    { src: '127.0.0.1', dst: '10.0.0.1' },
    { src: '127.0.0.1', dst: '10.0.0.2' },
  ];
  namesOf(processor, tables([one, other]));
  await untilLookedUp(host, 2);
  t.deepEqual(namesOf(processor, tables([one, other])), ['old.example', 'old.example']);
  clock.advance(HOUR_MS);
  suffix = 'new';
  t.deepEqual(namesOf(processor, tables([one])), ['old.example']);
  await untilLookedUp(host, 3);
  t.deepEqual(namesOf(processor, tables([one, other])), ['new.example', 'old.example']);
  await untilLookedUp(host, 4);
  t.deepEqual(namesOf(processor, tables([one, other])), ['new.example', 'new.example']);
});

test('of many addresses only so many are asked for at once, and all of them in the end', async (t) => {
  const dns = await server(t);
  dns.hold();
  const host = newHost();
  const processor = await start(t, dns, host, { max_in_flight: 4 });
  const tables = createTestFlows();
  const addresses = Array.from({ length: 500 }, (_, at) => `10.0.${at >> 8}.${at & 255}`);
  const flows = addresses.map((dst) => ({ src: '127.0.0.1', dst }));
  t.deepEqual(namesOf(processor, tables(flows)), addresses);
  while (dns.held() < 4) await new Promise((resolve) => setImmediate(resolve));
  t.is(new Set(dns.asked).size, 4);
  dns.release();
  await untilLookedUp(host, 500);
  t.true(namesOf(processor, tables(flows)).every((name) => String(name).endsWith('.example')));
  t.is(new Set(dns.asked).size, 500);
});

test('what the queue refuses is counted, and asked for again later', async (t) => {
  const dns = await server(t);
  dns.hold();
  const clock = createManualClock();
  const host = createRecordingHost('reverse_dns', clock);
  const processor = await start(t, dns, host, { max_in_flight: 1, cache_len: 2 });
  const tables = createTestFlows();
  const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
  const flows = addresses.map((dst) => ({ src: '127.0.0.1', dst }));
  namesOf(processor, tables(flows));
  t.is(host.metric('otelcol_reverse_dns_refused_total'), 2);
  dns.release();
  await untilLookedUp(host, 3);
  clock.advance(10_000);
  namesOf(processor, tables(flows));
  await untilLookedUp(host, 5);
  t.deepEqual([...dns.asked].sort(), addresses);
  t.true(namesOf(processor, tables(flows)).every((name) => String(name).endsWith('.example')));
});

test('processors with the same configuration ask once, and each names the endpoints of its own receivers', async (t) => {
  const dns = await server(t);
  const host = newHost();
  const processors = [await start(t, dns, host), await start(t, dns, host)];
  const dimensions = [createTestFlows(), createTestFlows(new EndpointDimension(1))];
  const flows = [{ src: '127.0.0.1', dst: '10.0.0.1' }];
  const names = () => processors.map((processor, at) => namesOf(processor, dimensions[at]!(flows))[0]);
  t.deepEqual(names(), ['10.0.0.1', '10.0.0.1']);
  await untilLookedUp(host, 1);
  t.deepEqual(names(), ['host-10-0-0-1.example', 'host-10-0-0-1.example']);
  t.deepEqual(dns.asked, ['10.0.0.1']);
  await processors[0]!.stop?.();
  namesOf(processors[1]!, dimensions[1]!([{ src: '127.0.0.1', dst: '10.0.0.2' }]));
  await untilLookedUp(host, 2);
  t.deepEqual(dns.asked, ['10.0.0.1', '10.0.0.2']);
});

test('with none nothing is asked and nothing changes', async (t) => {
  const dns = await server(t);
  const processor = await start(t, dns, newHost(), { type: 'none' });
  const table = createTestFlows()([{ src: '10.0.0.1', dst: '10.0.0.2' }]);
  t.deepEqual(processor.flows!(table), [table]);
  t.deepEqual(dns.asked, []);
});

test('what cannot work is refused with its place; ebpf with the reason', (t) => {
  t.deepEqual(problemsOf(reverseDns, { type: 'ebpf' }), [
    'type: unsupported value "ebpf": names are not read from DNS packets of other programs',
  ]);
  t.deepEqual(
    problemsOf(reverseDns, { type: 'loca', cache_len: 0, timeout: '0s', max_in_flight: -1, cache_expiry: 0 }),
    [
      'type: unsupported value "loca"',
      'cache_len: must be positive, got 0',
      'cache_expiry: must be positive, got 0',
      'timeout: must be positive, got 0',
      'max_in_flight: must be positive, got -1',
    ],
  );
  const right = ['192.0.2.53', '192.0.2.53:5353', '2001:db8::53', '[2001:db8::53]', '[2001:db8::53]:5353'];
  t.deepEqual(problemsOf(reverseDns, { servers: right }), []);
  const wrong = ['dns.example', '192.0.2.53:0', '192.0.2.53:65536', '[2001:db8::53', '192.0.2:53', ''];
  t.deepEqual(
    problemsOf(reverseDns, { servers: wrong }),
    wrong.map((server, place) => `servers::${place}: invalid address of a name server: "${server}"`),
  );
});
