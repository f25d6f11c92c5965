import test from 'ava';
import { createTestFlows, type TestFlow, valuesOf } from '../../core/table/testing.ts';
import { configOf, problemsOf } from '../../test/support/component-config.ts';
import { createRecordingHost } from '../../test/support/recording-host.ts';
import cidr from './index.ts';

const host = createRecordingHost('cidr');

/** The ranges of both ends of each flow. */
function rangesOf(cidrs: readonly unknown[], flows: readonly TestFlow[]) {
  const [table] = cidr.create(configOf(cidr, { cidrs }), host).flows!(createTestFlows()(flows));
  if (table?.kind !== 'flows') throw new Error('no flows');
  return { src: valuesOf(table, 'src.cidr'), dst: valuesOf(table, 'dst.cidr') };
}

const flowsTo = (...addresses: readonly string[]) => addresses.map((dst) => ({ src: '203.0.113.9', dst }));

test("Beyla's vectors: the narrowest of the ranges, its name where it has one, and nothing where none fits", (t) => {
  const ranges = [
    '10.0.0.0/8',
    '10.1.2.0/24',
    { cidr: '140.130.22.0/24', name: 'office' },
    '2001:db8:3c4d:15::/64',
    '2001::/16',
  ];
  const addresses = [
    '10.3.4.5',
    '10.1.2.3',
    '140.130.22.1',
    '2001:db8:3c4d:15:3210::',
    '2001:3333:3333::',
    '140.130.23.11',
  ];
  const found = ['10.0.0.0/8', '10.1.2.0/24', 'office', '2001:db8:3c4d:15::/64', '2001::/16'];
  t.deepEqual(rangesOf(ranges, flowsTo(...addresses)).dst, [...found, undefined]);
  t.deepEqual(rangesOf([...ranges, '0.0.0.0/0'], flowsTo(...addresses)).dst, [...found, '0.0.0.0/0']);
  t.deepEqual(rangesOf(['0.0.0.0/0'], flowsTo('2001::1', '::')).dst, [undefined, undefined]);
});

test('both ends of a flow have their ranges', (t) => {
  const { src, dst } = rangesOf(['10.0.0.0/8', 'fd00::/8'], [{ src: '10.0.0.1', dst: 'fd00::1' }]);
  t.deepEqual([...src, ...dst], ['10.0.0.0/8', 'fd00::/8']);
});

test('without ranges the attributes do not exist', (t) => {
  const table = createTestFlows()([{ src: '10.0.0.1', dst: '10.0.0.2' }]);
  t.deepEqual(cidr.create(configOf(cidr, {}), host).flows!(table), [table]);
});

test('ranges may be one text, as a variable has it, and several may have one name', (t) => {
  t.deepEqual(
    configOf(cidr, { cidrs: '10.0.0.0/8, 2001:db8::/32' }).cidrs.map(({ cidr }) => cidr.text),
    ['10.0.0.0/8', '2001:db8::/32'],
  );
  t.deepEqual(configOf(cidr, { cidrs: '' }).cidrs, []);
  t.deepEqual(
    problemsOf(cidr, {
      cidrs: [
        { cidr: '10.0.0.0/8', name: 'office' },
        { cidr: '11.0.0.0/8', name: 'office' },
      ],
    }),
    [],
  );
});

test('every range that is wrong is named with its place', (t) => {
  t.deepEqual(
    problemsOf(cidr, {
      cidrs: ['10.0.0.0/8', '10.0.0.0/33', { cidr: '10.1.2.3/8' }, 7, { name: 'x' }, { cidr: '::/0', nam: 'x' }],
    }),
    [
      'cidrs::1: invalid CIDR address: 10.0.0.0/33',
      'cidrs::2::cidr: invalid CIDR address: 10.1.2.3/8: bits are set behind the prefix',
      "cidrs::3: expected type 'string', got unconvertible type 'int'",
      'cidrs::4::cidr: requires a non-empty "cidr"',
      'cidrs::5::nam: has invalid keys: nam',
    ],
  );
  t.deepEqual(problemsOf(cidr, { cidrs: { cidr: '10.0.0.0/8' } }), [
    "cidrs: expected type 'slice', got unconvertible type 'map'",
  ]);
});

test('a range that stands twice, however written, and a name that is another range are errors', (t) => {
  t.deepEqual(
    problemsOf(cidr, { cidrs: ['10.0.0.0/8', '2001:db8::/32', '2001:0DB8::/32', { cidr: '10.0.0.0/8', name: 'x' }] }),
    [
      'cidrs::2: the range 2001:0DB8::/32 stands twice, here and at cidrs::1',
      'cidrs::3: the range 10.0.0.0/8 stands twice, here and at cidrs::0',
    ],
  );
  t.deepEqual(problemsOf(cidr, { cidrs: ['10.0.0.0/8', { cidr: '11.0.0.0/8', name: '10.0.0.0/8' }] }), [
    'cidrs::1::name: the name "10.0.0.0/8" is also the value of the range at cidrs::0',
  ]);
});
