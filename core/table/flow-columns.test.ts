import test from 'ava';
import { ABSENT } from './dictionary.ts';
import { EndpointDimension } from './dimension.ts';
import {
  createFlowTables,
  DIALLED_ADDRESS,
  DIALLED_PORT,
  type FlowTableInput,
  flowAttributes,
  type RawFlows,
} from './flow-columns.ts';
import { allAttributes } from './metrics-of-flows.ts';
import { valuesOf } from './testing.ts';
import { tunnelKinds } from './tunnel-kinds.ts';

/** src, dst, srcPort, dstPort, transport, direction, iface, initiator, guessed, tunnel (absent: 0) */
type Row = readonly [number, number, number, number, number, number, number, number, number?, number?];

function rawFlows(rows: readonly Row[]): RawFlows {
  const column = (at: number) => rows.map((row) => row[at] ?? 0);
  return {
    src: Uint32Array.from(column(0)),
    dst: Uint32Array.from(column(1)),
    srcPort: Uint16Array.from(column(2)),
    dstPort: Uint16Array.from(column(3)),
    transport: Uint8Array.from(column(4)),
    direction: Uint8Array.from(column(5)),
    iface: Uint16Array.from(column(6)),
    initiator: Uint8Array.from(column(7)),
    guessed: Uint8Array.from(column(8)),
    tunnel: Uint8Array.from(column(9)),
    bytes: new Float64Array(rows.length).fill(100),
    packets: new Float64Array(rows.length).fill(1),
  };
}

function inputOf(rows: readonly Row[], overrides: Partial<FlowTableInput> = {}): FlowTableInput {
  const endpoints = new EndpointDimension();
  endpoints.append(Buffer.from(`00000000000000000000ffff0a00000120010db8${'0'.repeat(23)}1`, 'hex'));
  return {
    flows: rawFlows(rows),
    rows: rows.length,
    endpoints,
    window: { startNs: 0n, endNs: 1n },
    resource: { attributes: {} },
    scope: { name: 'weir', version: '0' },
    metricNames: ['beyla'],
    interfaceNames: new Map([
      [2, 'eth0'],
      [3, 'veth1'],
    ]),
    agentAddress: '192.0.2.1',
    sampling: 1,
    ...overrides,
  };
}

test('a row has its addresses, ports, transport, role, interface and the agent', (t) => {
  const table = createFlowTables()(
    inputOf([[0, 1, 40000, 443, 6, 1, 2, 1, 0, tunnelKinds.indexOf('geneve')]], { sampling: 50 }),
  );
  t.deepEqual(
    flowAttributes.map((attribute) => [attribute, valuesOf(table, attribute)[0]]),
    [
      ['src.address', '10.0.0.1'],
      ['dst.address', '2001:db8::1'],
      ['src.name', '10.0.0.1'],
      ['dst.name', '2001:db8::1'],
      ['src.port', 40000],
      ['dst.port', 443],
      ['client.port', 40000],
      ['server.port', 443],
      ['transport', 'TCP'],
      ['network.type', 'ipv4'],
      ['direction', 'request'],
      ['direction.guessed', undefined],
      ['iface', 'eth0'],
      ['iface.direction', 'egress'],
      ['beyla.ip', '192.0.2.1'],
      ['src.nat.address', undefined],
      ['dst.nat.address', undefined],
      ['src.nat.port', undefined],
      ['dst.nat.port', undefined],
      ['tunnel', 'geneve'],
      ['sampling.ratio', 50],
    ],
  );
  t.deepEqual(allAttributes(table), flowAttributes);
});

test('what packets show instead of a true end stands beside it, where they do', (t) => {
  const input = inputOf([
    [0, 1, 40000, 8080, 6, 0, 2, 1],
    [0, 1, 40000, 8080, 6, 0, 2, 1],
    [1, 0, 0, 0, 1, 0, 2, 0],
  ]);
  const of = {
    natRow: Uint32Array.of(1, 2),
    natSrc: Uint32Array.of(ABSENT, 0),
    natDst: Uint32Array.of(0, ABSENT),
    natSrcPort: Uint16Array.of(40000, 0),
    natDstPort: Uint16Array.of(80, 0),
    natDialled: Uint32Array.of(0, ABSENT),
    natDialledPort: Uint16Array.of(80, 0),
  };
  const table = createFlowTables()({ ...input, translations: { count: 2, of } });
  t.deepEqual(valuesOf(table, 'src.nat.address'), [undefined, undefined, '10.0.0.1']);
  t.deepEqual(valuesOf(table, 'dst.nat.address'), [undefined, '10.0.0.1', undefined]);
  t.deepEqual(valuesOf(table, 'src.nat.port'), [undefined, undefined, undefined]);
  t.deepEqual(valuesOf(table, 'dst.nat.port'), [undefined, 80, undefined]);
  t.deepEqual(valuesOf(table, 'dst.port'), [8080, 8080, undefined]);
  t.deepEqual(valuesOf(table, DIALLED_ADDRESS), [undefined, '10.0.0.1', undefined]);
  t.deepEqual(valuesOf(table, DIALLED_PORT), [undefined, 80, undefined]);
});

test('the initiator tells the direction and which port is whose', (t) => {
  const table = createFlowTables()(
    inputOf([
      [0, 1, 7000, 8080, 6, 0, 2, 1],
      [1, 0, 8080, 7000, 6, 0, 2, 2],
      [0, 1, 7000, 8080, 17, 0, 2, 0],
    ]),
  );
  t.deepEqual(valuesOf(table, 'direction'), ['request', 'response', 'unknown']);
  t.deepEqual(valuesOf(table, 'client.port'), [7000, 7000, undefined]);
  t.deepEqual(valuesOf(table, 'server.port'), [8080, 8080, undefined]);
});

test('ports are absent where the protocol has none, and on fragments', (t) => {
  const table = createFlowTables()(
    inputOf([
      [0, 0, 8 << 8, 0, 1, 0, 2, 1],
      [1, 1, 128 << 8, 0, 58, 0, 2, 1],
      [0, 0, 0, 0, 17, 0, 2, 1],
      [0, 0, 0, 53, 17, 0, 2, 1],
    ]),
  );
  t.deepEqual(valuesOf(table, 'src.port'), [undefined, undefined, undefined, 0]);
  t.deepEqual(valuesOf(table, 'dst.port'), [undefined, undefined, undefined, 53]);
  t.deepEqual(valuesOf(table, 'server.port'), [undefined, undefined, undefined, 53]);
  t.deepEqual(valuesOf(table, 'transport'), ['ICMP', 'ICMPv6', 'UDP', 'UDP']);
});

test('a transport without a name is a number, an unknown interface and a missing agent address are absent', (t) => {
  const table = createFlowTables()(inputOf([[0, 0, 0, 0, 200, 0, 9, 0]], { agentAddress: undefined }));
  t.deepEqual(valuesOf(table, 'transport'), ['200']);
  t.deepEqual(valuesOf(table, 'iface'), [undefined]);
  t.deepEqual(valuesOf(table, 'beyla.ip'), [undefined]);
  t.deepEqual(valuesOf(table, 'tunnel'), [undefined]);
  t.deepEqual(valuesOf(table, 'sampling.ratio'), [undefined], 'nothing is sampled');
});

test('dictionaries and codes stay over windows, also when an interface comes back under another index', (t) => {
  const tables = createFlowTables();
  const endpoints = new EndpointDimension();
  endpoints.append(new Uint8Array(16));
  const first = tables(inputOf([[0, 0, 1, 2, 6, 0, 2, 0]], { endpoints }));
  const second = tables(inputOf([[0, 0, 1, 2, 6, 0, 5, 0]], { endpoints, interfaceNames: new Map([[5, 'eth0']]) }));
  for (const attribute of flowAttributes) {
    const [one, other] = [first.columns.get(attribute)!, second.columns.get(attribute)!];
    t.is(one.dictionary, other.dictionary, attribute);
    t.is(one.rows[0], other.rows[0], attribute);
  }
});
